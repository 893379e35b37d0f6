"""A client of the API, as a partner has one: what it asks by HTTP, and all that it is told of a vehicle."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Protocol

import httpx

TIMEOUT_S = 60


class Partner(Protocol):
    credentials: tuple[str, str, str]
    """client_id, user, secret"""

    @property
    @abstractmethod
    def url(self) -> str:
        """Of the API, without a slash at its end."""

    def get(self, path: str, **query: str | list[str]) -> httpx.Response:
        client_id, user, secret = self.credentials
        params = {"client_id": client_id, **query}
        return httpx.get(f"{self.url}{path}", params=params, auth=(user, secret), timeout=TIMEOUT_S)

    def follow(self, href: str) -> dict[str, Any]:
        """The document that a link leads to."""
        client_id, user, secret = self.credentials
        where = httpx.URL(href).copy_add_param("client_id", client_id)
        answer = httpx.get(where, auth=(user, secret), timeout=TIMEOUT_S)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def said(self, fleet: str, vehicle_id: str) -> list[dict[str, Any]]:
        """Everything that the API knows of a vehicle, without what names the vehicle."""
        path = f"/fleets/{fleet}/vehicles/{vehicle_id}"
        found: list[dict[str, Any]] = [self.get(f"{path}/status").json()]
        for what, size in (("trips", "60"), ("telemetry", "2000")):
            page = self.get(f"{path}/{what}", pageSize=size, extension="location").json()
            while True:
                (elements,) = page["_embedded"].values()
                found += elements
                if "next" not in page["_links"]:
                    break
                page = self.follow(page["_links"]["next"]["href"])
        return [{key: value for key, value in one.items() if key not in ("_links", "vin", "id")} for one in found]
