"""Connections: HTTP/1.1 on the connections of clients, from bytes to requests."""
