"""Airflow looks for hooks of a provider here, one module for each service."""
