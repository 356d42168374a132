"""The decision whether a wait goes on, as a pure function of values. No I/O, no clock, no Airflow."""
