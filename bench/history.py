"""What answers cost, and how that grows with the history behind them.

Three vehicles have driven for 50 minutes on one, ten and a hundred days, each time a trip of 3,000 seconds with the
speed and a position in each. They are asked for the last of the days: a telemetry page of 2,000 messages, and the way
points of its trip, simplified. Three fleets of 1,000 vehicles, with a stretch of a minute on one, ten and a hundred
days, are asked for their status. What is asked for is the same in each of the three, so it must cost the same.

The application is called in this process, without a server. The three are asked in turns; shown are times of the clock,
what must not grow is the median of the processor's time. The telemetry of all times is shown beside: its `total` counts
the whole history.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import tempfile
import time
from collections.abc import MutableMapping, Sequence
from datetime import UTC, datetime
from math import sin
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

import msgspec
from starlette.applications import Starlette

from bench.fleet import add_as_the_first
from bench.measure import Measure
from cloud_bridge.api.app import create_app
from cloud_bridge.api.links import BASE
from cloud_bridge.records.fold import Stretch
from cloud_bridge.records.model import Known, Message, Position, Status, Trip
from cloud_bridge.remote_control import remote_service
from cloud_bridge.settings import Database, Settings
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.derived import Chunk, Fold, Step
from cloud_bridge.store.port.registry import Client, Fleet, Vehicle
from cloud_bridge.store.sqlite.derived import SqliteDerived

DAYS = (1, 10, 100)
TRIP_S = 3000
CHUNK_S = 60
VEHICLES = 1000
PAGE = 2000
ROUNDS = 60
MOST_GROWTH = 1.5
"""Times the cost with the shortest history."""
_START_S = 1_700_000_000
_DAY_S = 86_400
_CLIENT = Client("bench", "me", "not hashed here", tuple(f"fleet{days}" for days in DAYS), 10**9, 10**9)
_FIRST_OF_EACH_DAY = f"""
    INSERT INTO chunk (vin, boot, sequence, from_ms, to_ms, asleep, messages, positions, kinds, body)
    SELECT :vin, boot, sequence, from_ms, to_ms, asleep, messages, positions, kinds, body FROM chunk
    WHERE vin = :first AND sequence % {TRIP_S} = 0
    """
"""Of a vehicle's stretches."""


class Question(NamedTuple):
    """A question asked of each history, and what it costs."""

    name: str
    paths: Sequence[str]
    """For each of `DAYS`, the shortest history first."""
    elements: int
    """On the page that it is answered with."""
    budget: float | None = MOST_GROWTH


def run(_: Path) -> list[Measure]:
    """Needs no recordings."""
    build = Path(__file__).resolve().parent.parent / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as folder:
        storage = Storage(Settings(database=Database(Path(folder) / "bench.db")))
        try:
            _fill(storage)
            app = create_app(
                storage.reader,
                "https://cars.example.org",
                lambda: datetime.fromtimestamp(_START_S + DAYS[-1] * _DAY_S, UTC),
                verify=lambda _secret, _hash: True,
                served=lambda _model: frozenset(),
                page_key=b"key",
                monitors=storage.monitors,
                remote=remote_service(storage, Settings().remote, lambda: None),
                in_threads=False,
            )
            return [measure for question in _questions() for measure in _measure(app, question)]
        finally:
            storage.close()


def _questions() -> list[Question]:
    def of_vehicles(what: str) -> list[str]:
        return [f"/fleets/fleet{days}/vehicles/{_vehicle(days, 0).id}/{what}" for days in DAYS]

    last_s = _START_S + (DAYS[-1] - 1) * _DAY_S
    day = datetime.fromtimestamp(last_s, UTC).isoformat().replace("+00:00", "Z")
    return [
        Question("telemetry, 2,000 messages", of_vehicles(f"telemetry?pageSize={PAGE}&timestamps={day}/PT1H"), PAGE),
        Question(
            "way points, of 3,000",
            of_vehicles(f"trips/trip{DAYS[-1] - 1}/wayPoints?pageSize={PAGE}&tolerance=0.005"),
            0,
        ),
        Question("status of 1,000 vehicles", [f"/fleets/fleet{days}/status" for days in DAYS], 60),
        Question("telemetry of all times", of_vehicles(f"telemetry?pageSize={PAGE}"), PAGE, None),
    ]


def _measure(app: Starlette, question: Question) -> list[Measure]:
    for path in question.paths:
        page = msgspec.json.decode(_ask(app, path))
        (elements,) = page["_embedded"].values()
        assert len(elements) >= max(1, question.elements), (path, len(elements))
    walls: list[list[float]] = [[] for _ in DAYS]
    costs: list[list[float]] = [[] for _ in DAYS]
    for _ in range(ROUNDS):
        for place, path in enumerate(question.paths):
            gc.collect()
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            _ask(app, path)
            walls[place].append(time.perf_counter() - wall_s)
            costs[place].append(time.process_time() - cpu_s)
    shown = [f"p50 {median(each) * 1000:.1f} ms, p99 {quantiles(each, n=100)[-1] * 1000:.1f}" for each in walls]
    shortest = median(costs[0])
    found = [Measure(question.name, shortest * 1000, "ms CPU", None, True, shown[0])]
    for days, cost, told in list(zip(DAYS, costs, shown, strict=True))[1:]:
        name = f"{question.name}, {days} times the history"
        found.append(Measure(name, median(cost) / shortest, "×", question.budget, True, told))
    return found


def _ask(app: Starlette, path: str) -> bytes:
    """The body of the answer."""
    plain, _, query = path.partition("?")
    body: list[bytes] = []
    statuses: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        statuses.append(message.get("status", 0))
        body.append(message.get("body", b""))

    scope = {
        "type": "http",
        "method": "GET",
        "path": BASE + plain,
        "root_path": "",
        "query_string": f"client_id={_CLIENT.id}&{query}".encode(),
        "headers": [(b"authorization", b"Basic " + base64.b64encode(b"me:secret"))],
    }
    asyncio.run(app(scope, receive, send))
    assert statuses[0] == 200, (path, body)
    return b"".join(body)


def _fill(storage: Storage) -> None:
    for days in DAYS:
        storage.registry.add_fleet(Fleet(_fleet(days), "", "", 1, 1))
        _drive(storage, days)
        with storage.database.write() as connection:
            others = (_vehicle(days, number) for number in range(1, VEHICLES))
            add_as_the_first(connection, _vehicle(days, 0), others, _FIRST_OF_EACH_DAY)
    storage.registry.add_client(_CLIENT, 1)


def _drive(storage: Storage, days: int) -> None:
    """The first vehicle of a fleet, and the trips that it made on so many days, the last of them the same for all."""
    vehicle = _vehicle(days, 0)
    storage.registry.add_vehicle(vehicle, [_fleet(days)])
    storage.deriver.derive(vehicle.vin)
    derived = SqliteDerived(storage.database)
    extent = derived.extent(vehicle.vin)
    trips = []
    for day in range(DAYS[-1] - days, DAYS[-1]):
        messages = _messages(_START_S + day * _DAY_S)
        chunks = [
            Chunk(bytes(16), day * TRIP_S + first, Stretch(part[0].at_ms, part[-1].at_ms + 1000, part))
            for first in range(0, TRIP_S, CHUNK_S)
            for part in [messages[first : first + CHUNK_S]]
        ]
        extent = derived.put_step(vehicle.vin, extent, Step({}, chunks, [], []), 1)
        first, last = messages[0], messages[-1]
        trips.append(Trip(f"trip{day}", first.at_ms, last.at_ms, updated_at_ms=last.at_ms))
    known = {datum: Known(value, last.at_ms) for datum, value in last.values.items()}
    derived.put_fold(vehicle.vin, extent, Fold(0, (), Status(known, last.position, last.at_ms), trips, (), 0))


def _messages(start_s: int) -> list[Message]:
    """A trip on a winding road, north-east."""
    return [
        Message(
            at_ms,
            {"kinetic.speed": 50.0 + second % 7, "kinetic.moving": True},
            Position(at_ms, 2.3 + second * 1e-4, 48.8 + second * 1e-4 + 2e-4 * sin(second / 20), 35.0, 45, 9, "3D"),
        )
        for second in range(TRIP_S)
        for at_ms in [(start_s + second) * 1000]
    ]


def _fleet(days: int) -> str:
    return f"fleet{days}"


def _vehicle(days: int, number: int) -> Vehicle:
    place = days * VEHICLES + number
    return Vehicle(f"{place:040x}", f"VF3BENCH{place:09d}", "peugeot-comfort-2004", "", "Thermic", 1, 1)
