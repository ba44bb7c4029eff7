"""Admission: decide which requests are handled, and refuse the others."""
