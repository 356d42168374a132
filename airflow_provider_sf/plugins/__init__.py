"""What this provider adds to Airflow's pages, one module for each service."""
