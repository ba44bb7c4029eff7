"""The load test: simulated users of the service, whose responses are checked.

It uses only the HTTP API, so that it can test any running service.
"""
