"""Every text that a person reads about a wait: log lines, results, the summary. No I/O, no Airflow."""
