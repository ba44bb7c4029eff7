"""The load test: people and machines that use the service all at once, and whose answers are checked.

It knows the service by its HTTP API alone, so that it can be pointed at any running one.
"""
