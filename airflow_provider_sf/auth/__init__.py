"""How a connection is secured: settings, certificates, TLS contexts, Entra ID tokens. No Airflow."""
