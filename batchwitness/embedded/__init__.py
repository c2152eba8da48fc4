"""PostgreSQL, an MQTT broker and the stages on one machine, started and kept running by one command."""
