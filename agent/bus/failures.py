"""What a source cannot mend: apart from python-can, which is loaded for the interfaces that need it only."""

from __future__ import annotations


class InterfaceError(Exception):
    """The interface is not one that there is, or its settings are wrong: trying again does not help."""
