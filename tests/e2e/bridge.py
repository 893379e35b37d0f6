"""A bridge without a broker and without a server: what is in between, in this process."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from cloud_bridge.api.app import create_app
from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.remote_control import remote_service
from cloud_bridge.settings import Database, Settings, Vehicles
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.registry import Client, Fleet, Vehicle
from contract.topics import MANIFEST, UP, topic
from tests.e2e.uploads import Sent

VEHICLE = "0123456789abcdef0123456789abcdef01234567"
BASE = f"/connectedcar/v3/fleets/f1/vehicles/{VEHICLE}"
CLIENT = Client("c1", "partner", "not hashed here", ("f1",))
NOW = datetime(2026, 11, 1, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)


class Bridge:
    """Uploads go straight into ingest, questions straight into the app."""

    def __init__(self, folder: Path, sent: Sent) -> None:
        """`sent`: of the one vehicle; its uploads are taken by their place in it."""
        self.storage = Storage(Settings(database=Database(folder / "bridge.db"), vehicles=Vehicles(sent.profiles)))
        registry = self.storage.registry
        registry.add_fleet(Fleet("f1", "Fleet", "", 1, 1))
        registry.add_vehicle(Vehicle(VEHICLE, sent.vin, sent.model, "Brand", "Thermic", 1, 1), ["f1"])
        registry.add_client(CLIENT, 1)
        self.sent = sent
        self.now_ms = NOW_MS
        """When uploads come."""
        self.ingest = Ingest(self.storage.receiving, lambda: self.now_ms)
        self.app = create_app(
            self.storage.reader,
            "https://api.example.org",
            lambda: NOW,
            verify=lambda _secret, _hash: True,
            served=lambda _model: frozenset(),
            page_key=b"the same key every time",
            monitors=self.storage.monitors,
            remote=remote_service(self.storage, Settings().remote, lambda: None),
            in_threads=False,
        )

    def manifest(self) -> None:
        self.ingest.commit([Delivery(topic(self.sent.vin, MANIFEST), self.sent.manifest)])

    def take(self, numbers: Sequence[int]) -> None:
        self.send(*[self.sent.uploads[number] for number in numbers])

    def send(self, *uploads: bytes) -> None:
        self.ingest.commit([Delivery(topic(self.sent.vin, UP), upload) for upload in uploads])

    def derive(self) -> None:
        self.storage.deriver.derive(self.sent.vin)

    def get(self, resource: str, **query: str) -> httpx.Response:
        """The answer to a question for a resource of the vehicle, such as `/status`."""

        async def ask() -> httpx.Response:
            async with self._client() as client:
                return await client.get(BASE + resource, params={"client_id": CLIENT.id, **query})

        return asyncio.run(ask())

    def answers(self) -> dict[str, bytes]:
        """Everything that the API says of the vehicle, page by page."""
        return asyncio.run(self._answers())

    async def _answers(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        async with self._client() as client:

            async def ask(path: str) -> httpx.Response:
                answer = await client.get(httpx.URL(path).copy_add_param("client_id", CLIENT.id))
                assert answer.status_code == 200, (path, answer.text)
                found[path] = answer.content
                return answer

            await ask(f"{BASE}/status")
            await ask(f"{BASE}/lastPosition")
            trips = (await ask(f"{BASE}/trips")).json()["_embedded"]["trips"]
            pages = [f"{BASE}/telemetry?pageSize=2000&extension=location"]
            for trip in trips:
                way = f"{BASE}/trips/{trip['id']}"
                await ask(way)
                pages += [f"{way}/wayPoints?pageSize=2000", f"{way}/wayPoints?tolerance=0.05", f"{way}/telemetry"]
            for page in pages:
                following: str | None = page
                while following is not None:
                    answer = await ask(following)
                    following = answer.json()["_links"].get("next", {}).get("href")
        return found

    def _client(self) -> httpx.AsyncClient:
        basic = b64encode(b"partner:secret").decode()
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="https://api.example.org",
            headers={"Authorization": f"Basic {basic}"},
        )

    def close(self) -> None:
        self.storage.close()
