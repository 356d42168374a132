"""The links of this provider in Airflow's pages, one module for each service."""
