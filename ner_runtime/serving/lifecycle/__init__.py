"""The processes of the service: startup, workers, their supervisor, and shutdown."""
