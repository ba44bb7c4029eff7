"""Decode with user lexicons: their entries limit the tags that the CRF may choose."""
