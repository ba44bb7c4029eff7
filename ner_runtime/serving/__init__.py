"""The HTTP service around the recognizer: API models, HTTP edge, request handling, process lifecycle, telemetry."""
