"""Telemetry of the service: logs and metrics."""
