"""The partner: asks the API as anybody with credentials would, with nothing but HTTP."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from itertools import islice
from typing import Any


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found


@dataclass(frozen=True)
class Partner:
    url: str
    client_id: str
    user: str
    secret: str
    fleet: str
    vehicle: str

    @property
    def api(self) -> str:
        return f"{self.url}/connectedcar/v3"

    @property
    def vehicle_path(self) -> str:
        return f"/fleets/{self.fleet}/vehicles/{self.vehicle}"

    def get(self, path: str, **query: str) -> Answer:
        """The answer to a GET below the vehicle's path, whatever its status."""
        words = urllib.parse.urlencode({"client_id": self.client_id, **query})
        request = urllib.request.Request(f"{self.api}{self.vehicle_path}{path}?{words}")
        basic = base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()
        request.add_header("Authorization", f"Basic {basic}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.read().decode())

    def trips(self) -> list[dict[str, Any]]:
        answer = self.get("/trips")
        found: list[dict[str, Any]] = answer.body["_embedded"]["trips"] if answer.status == 200 else []
        return found

    def last_trip_path(self) -> str | None:
        trips = self.trips()
        return f"/trips/{trips[-1]['id']}" if trips else None

    def questions(self) -> list[str]:
        """Three paths below the vehicle's, with their queries, that this vehicle's data answer."""
        trip = self.last_trip_path()
        wanted = [
            "/status?",
            "/telemetry?type=vehicle.energies&pageSize=5&",
            *([f"{trip}/wayPoints?tolerance=0.02&"] if trip else []),
            "/lastPosition?",
            "/telemetry?pageSize=5&",
            "?",
        ]
        return list(islice((path for path in wanted if self._answers(path)), 3))

    def curl_lines(self) -> list[str]:
        """Three commands that work as they stand, while the demo serves."""
        base = f"curl -s -u {self.user}:{self.secret} '{self.api}{self.vehicle_path}"
        return [f"{base}{path}client_id={self.client_id}'" for path in self.questions()]

    def _answers(self, path: str) -> bool:
        before, _, query = path.partition("?")
        return self.get(before, **dict(urllib.parse.parse_qsl(query))).status == 200
