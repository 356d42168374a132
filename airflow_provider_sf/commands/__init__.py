"""The command sf-wait, and the commands of Airflow that do the same. Only ``airflow_cli`` imports Airflow."""
