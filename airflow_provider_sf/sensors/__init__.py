"""Airflow looks for sensors of a provider here, one module for each service."""
