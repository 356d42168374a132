"""Airflow looks for operators of a provider here, one module for each service."""
