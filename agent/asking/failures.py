"""What ends a run that asks: apart, because who catches it need not load what asks."""

from __future__ import annotations


class WrongVehicleError(Exception):
    """The vehicle is another one than the settings say, and they say to stop then."""
