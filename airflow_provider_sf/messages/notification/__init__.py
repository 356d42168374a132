"""What people read in a chat or a mail at the end of a task or a release. No I/O, no Airflow."""
