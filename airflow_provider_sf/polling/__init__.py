"""One wait in one process: poll, log, work out the result. It reads the clock and the network. No Airflow."""
