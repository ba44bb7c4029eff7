"""The load test: simulated users of the service, whose responses are checked.

It uses the HTTP API alone, so that it works against any running service.
"""
