"""Compare the service's request path with BentoML's own, which has a batching dispatcher; see `__main__.py`."""
