"""The notifiers of this provider, one module for each service."""
