"""Recorded logs played as if they were the vehicle, at the speed of life or faster."""
