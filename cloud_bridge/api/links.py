"""Addresses of the resources: absolute, from the configured public address."""

from __future__ import annotations

from cloud_bridge.api.documents import Link

BASE = "/connectedcar/v3"
HEALTH = "/health"
"""Beside the API: that the process answers."""


class Links:
    """Links below `public_url` (scheme, host, and whatever path a proxy in front strips), without the base path."""

    def __init__(self, public_url: str) -> None:
        self.root = public_url.rstrip("/") + BASE

    def fleet(self, fleet: str) -> Link:
        return Link(href=f"{self.root}/fleets/{fleet}")

    def of_fleet(self, fleet: str, resource: str) -> Link:
        """A resource of a fleet, such as `vehicles` or `alerts`."""
        return Link(href=f"{self.root}/fleets/{fleet}/{resource}")

    def monitor(self, fleet: str, monitor: str) -> Link:
        return self.of_fleet(fleet, f"monitors/{monitor}")

    def callback(self, fleet: str, callback: str) -> Link:
        return self.of_fleet(fleet, f"remote/callbacks/{callback}")

    def remote(self, fleet: str, vehicle: str, callback: str, action: str) -> Link:
        return self.of_vehicle(fleet, vehicle, f"callbacks/{callback}/remotes/{action}")

    def remotes(self, fleet: str, vehicle: str = "{vid}", callback: str = "{cbid}") -> Link:
        """A template of what is left out."""
        return Link(href=self.of_vehicle(fleet, vehicle, f"callbacks/{callback}/remotes").href, templated=True)

    def vehicle(self, fleet: str, vehicle: str) -> Link:
        return Link(href=f"{self.root}/fleets/{fleet}/vehicles/{vehicle}")

    def of_vehicle(self, fleet: str, vehicle: str, resource: str) -> Link:
        """A resource of a vehicle, such as `status` or `trips`."""
        return Link(href=f"{self.root}/fleets/{fleet}/vehicles/{vehicle}/{resource}")

    def trip(self, fleet: str, vehicle: str, trip: str) -> Link:
        return self.of_vehicle(fleet, vehicle, f"trips/{trip}")
