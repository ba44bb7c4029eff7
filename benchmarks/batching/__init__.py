"""What BentoML's batching dispatcher contributes and costs in front of the scheduler; see `__main__.py`."""
