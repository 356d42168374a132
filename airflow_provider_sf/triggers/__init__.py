"""Airflow looks for triggers of a provider here, one module for each service."""
