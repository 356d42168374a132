"""Airflow looks for assets of a provider here, one module for each service."""
