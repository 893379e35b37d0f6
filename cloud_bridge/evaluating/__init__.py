"""Monitors are evaluated on what vehicles said; what is to be told of them goes to the outbox."""
