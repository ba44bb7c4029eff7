"""Load-test the service with simulated users and check the responses.

The load test uses only the HTTP API, so that it can test any running service.
"""
