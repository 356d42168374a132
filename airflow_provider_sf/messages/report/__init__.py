"""The page of a release record: one HTML file that opens offline. No I/O, no Airflow."""
