"""A real Airflow and a simulated cluster on this machine, for `make demo` and the end-to-end tests."""
