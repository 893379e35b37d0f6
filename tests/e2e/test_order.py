"""Any permutation, duplication and delay of a drive's uploads gives byte-identical API answers; so does a rebuild."""

from __future__ import annotations

import asyncio
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_bridge.api.app import create_app
from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.settings import Database, Settings, Vehicles
from cloud_bridge.storage import Storage
from cloud_bridge.store.port import Client, Fleet, Vehicle
from contract.topics import MANIFEST, UP, topic
from tests.conftest import ROOT
from tests.e2e.uploads import Sent, collect

pytestmark = pytest.mark.slow

VEHICLE = "0123456789abcdef0123456789abcdef01234567"
BASE = f"/connectedcar/v3/fleets/f1/vehicles/{VEHICLE}"
CLIENT = Client("c1", "partner", "not hashed here", ("f1",))
NOW = datetime(2026, 11, 1, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
DEMO = ROOT / "demo"


class Bridge:
    """A bridge without a broker: uploads go straight into ingest, questions straight into the app."""

    def __init__(self, folder: Path, sent: Sent) -> None:
        self.storage = Storage(Settings(database=Database(folder / "bridge.db"), vehicles=Vehicles(sent.profiles)))
        registry = self.storage.registry
        registry.add_fleet(Fleet("f1", "Fleet", "", 1, 1))
        registry.add_vehicle(Vehicle(VEHICLE, sent.vin, sent.model, "Brand", "Thermic", 1, 1), ["f1"])
        registry.add_client(CLIENT, 1)
        self.sent = sent
        self.ingest = Ingest(self.storage.receiving, lambda: NOW_MS)
        self.app = create_app(
            self.storage.reader,
            "https://api.example.org",
            lambda: NOW,
            verify=lambda _secret, _hash: True,
            served=lambda _model: frozenset(),
            page_key=b"the same key every time",
            in_threads=False,
        )

    def manifest(self) -> None:
        self.ingest.commit([Delivery(topic(self.sent.vin, MANIFEST), self.sent.manifest)])

    def take(self, numbers: Sequence[int]) -> None:
        self.ingest.commit([Delivery(topic(self.sent.vin, UP), self.sent.uploads[number]) for number in numbers])

    def derive(self) -> None:
        self.storage.deriver.derive(self.sent.vin)

    def answers(self) -> dict[str, bytes]:
        """Everything that the API says of the vehicle, page by page."""
        return asyncio.run(self._answers())

    async def _answers(self) -> dict[str, bytes]:
        basic = b64encode(b"partner:secret").decode()
        found: dict[str, bytes] = {}
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(
            transport=transport, base_url="https://api.example.org", headers={"Authorization": f"Basic {basic}"}
        ) as client:

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

    def close(self) -> None:
        self.storage.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    folder = tmp_path_factory.mktemp("demo")
    return collect(folder, DEMO / "drive.log.gz", DEMO / "drive.nmea.gz", "VF3DEM0CARLFT2026", "demo-car", 20_000)


@pytest.fixture(scope="module")
def undisturbed(demo: Sent, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the API says when everything comes once and in order."""
    bridge = Bridge(tmp_path_factory.mktemp("bridge"), demo)
    bridge.manifest()
    for number in range(len(demo.uploads)):
        bridge.take([number])
    answers = bridge.answers()
    bridge.storage.deriver.rebuild(demo.vin)
    assert bridge.answers() == answers
    bridge.close()
    return answers


def test_the_drive_has_enough_to_be_mixed_up(demo: Sent, undisturbed: dict[str, bytes]) -> None:
    assert len(demo.uploads) > 50
    assert sum(path.endswith("/telemetry") for path in undisturbed) == 2  # two trips
    assert len(undisturbed) > 10


@settings(max_examples=12)
@given(data=st.data())
def test_any_order_duplication_and_delay_gives_the_same_answers(
    demo: Sent, undisturbed: dict[str, bytes], data: st.DataObject
) -> None:
    numbers = list(range(len(demo.uploads)))
    order = data.draw(st.permutations(numbers), label="order")
    again = data.draw(st.lists(st.sampled_from(numbers), max_size=30), label="again")
    cuts = sorted(data.draw(st.sets(st.integers(0, len(order) + len(again)), max_size=8), label="cuts"))
    manifest_after = data.draw(st.integers(0, len(cuts)), label="manifest after batch")
    looks = data.draw(st.sets(st.integers(0, len(cuts))), label="somebody looks after batch")
    deliveries = order + again
    bounds = [0, *cuts, len(deliveries)]
    with tempfile.TemporaryDirectory() as folder:
        bridge = Bridge(Path(folder), demo)
        for batch, (first, last) in enumerate(pairwise(bounds)):
            bridge.take(deliveries[first:last])
            if batch == manifest_after:
                bridge.manifest()
            if batch in looks:
                bridge.derive()
        assert bridge.answers() == undisturbed
        bridge.close()


@pytest.mark.parametrize("which", range(3), ids=["backwards", "shuffled", "half an hour last"])
def test_a_real_drive_that_comes_in_any_order_is_the_same(shared: Path, tmp_path: Path, which: int) -> None:
    """The Peugeot's 41 minutes backwards, shuffled, and with half an hour that comes last."""
    derived = shared / "data" / "derived"
    log, nmea = derived / "psa_conf_trip_a.log.gz", derived / "psa_conf_trip_a.nmea.gz"
    sent = collect(tmp_path, log, nmea, "VF30A5FWTEST00001", "peugeot-comfort-2004", 60_000)
    numbers = list(range(len(sent.uploads)))
    shuffled = sorted(numbers, key=lambda number: (number * 7919 + 13) % 1009)
    disturbed = (numbers[::-1], shuffled, numbers[:5] + numbers[35:] + numbers[5:35])[which]
    answers = []
    for place, order in enumerate((numbers, disturbed)):
        folder = tmp_path / str(place)
        folder.mkdir()
        bridge = Bridge(folder, sent)
        bridge.manifest()
        for position in range(0, len(order), 5):
            bridge.take(order[position : position + 5])
            bridge.derive()
        answers.append(bridge.answers())
        bridge.close()
    assert answers[0] == answers[1]
