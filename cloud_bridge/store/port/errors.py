"""What goes wrong with the database."""

from __future__ import annotations


class StoreError(Exception):
    """The database cannot be used, or not now; the text says which, why, and what to do."""


class DerivingError(StoreError):
    """Not now: it is being worked on."""


class RegistryError(Exception):
    """Something named does not exist, or exists already; the text says what."""


class StaleError(Exception):
    """Another process derived the same vehicle meanwhile, or erased it: look again."""
