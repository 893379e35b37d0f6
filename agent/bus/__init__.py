"""Frames from CAN interfaces and from recorded logs, and what was lost on the way."""
