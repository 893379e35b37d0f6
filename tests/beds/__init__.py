"""Beds: what a test needs that this machine's kernel has not, made for it and gone after it."""
