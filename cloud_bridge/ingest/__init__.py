"""Uploads come in from the broker, are committed, and are receipted."""
