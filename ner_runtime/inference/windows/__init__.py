"""Texts of any length to encoded windows, and the spans of the windows back to entities of the text."""
