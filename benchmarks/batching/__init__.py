"""Measure the benefit and the cost of BentoML's batching dispatcher in front of the scheduler; see `__main__.py`."""
