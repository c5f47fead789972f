"""A real Kafka and a real PostgreSQL on a machine that has only Python: found, fetched, started and stopped here."""
