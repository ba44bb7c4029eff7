"""Batches: windows of many requests that run together."""
