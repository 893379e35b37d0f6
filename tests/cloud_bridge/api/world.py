"""Two fleets, four vehicles, a day of driving: what the tests of the API read, and how they read it."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import httpx
import msgspec
from msgspec.structs import replace
from starlette.applications import Starlette

from cloud_bridge.access.limits import Limits
from cloud_bridge.actions.life import REMOTE_TYPES, Event, Life, Phase, Rules
from cloud_bridge.api.app import create_app
from cloud_bridge.api.authentication import Verify
from cloud_bridge.api.links import BASE
from cloud_bridge.api.operation import Read
from cloud_bridge.api.routes import OPERATIONS
from cloud_bridge.records.model import (
    Alarm,
    Alert,
    Collision,
    EnergyConsumption,
    EnergyLevel,
    Fault,
    Impact,
    Known,
    Message,
    Position,
    Protection,
    Segment,
    Status,
    Trip,
)
from cloud_bridge.remote.control import Control, RemoteService
from cloud_bridge.services import Service, Services
from cloud_bridge.settings import Monitors as Monitoring
from cloud_bridge.store.port.monitors import Monitor, Monitors
from cloud_bridge.store.port.reading import Reader
from cloud_bridge.store.port.registry import Client, Fleet, Theft, Vehicle
from cloud_bridge.store.port.remote import RemoteAction, RemoteCallback
from cloud_bridge.threads.faults import Faults
from contract.published import TRIP
from contract.steps import ARGUMENTS
from tests.cloud_bridge.actions.bodies import CALLBACK, LOCK
from tests.cloud_bridge.api.memory import MemoryMonitors, MemoryReader
from tests.cloud_bridge.monitors.bodies import body, data
from tests.cloud_bridge.remote.memory import MemoryActions, MemoryCallbacks
from tests.published import Published

PUBLIC_URL = "https://cars.example.org"
READABLE = [operation.path for operation in OPERATIONS if isinstance(operation, Read)]
"""The paths that are served with `GET`."""
ROOT = PUBLIC_URL + BASE


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


NOW = datetime(2024, 3, 5, 20, 0, tzinfo=UTC)
MORNING = ms("2024-03-05T07:00:00+00:00")
MINUTE = 60_000

SECRET = "open sesame"
"""The hash of a secret is the secret backwards: verification is handed in, and is not what these tests are about."""
VAN = Vehicle("a" * 40, "VF3ABCDE0FG123456", "peugeot-van", "Peugeot", "Thermic", MORNING - 9000, MORNING - 8000)
CAR = Vehicle("b" * 40, "ZARFAEDN0J7600001", "alfa-giulia", "Alfa Romeo", "Thermic", MORNING, MORNING)
SILENT = Vehicle("c" * 40, "VF3ABCDE0FG999999", "unknown", "", "", MORNING, MORNING)
STRANGER = Vehicle("d" * 40, "VF3ZZZZZ0FG000001", "peugeot-van", "Peugeot", "Thermic", MORNING, MORNING)

FLEET, EMPTY_FLEET, OTHER_FLEET = "f1", "f2", "f9"

VEHICLE_PATH = "/fleets/{fid}/vehicles/{vid}"
MODELS = {
    "peugeot-van": frozenset(
        {
            "ignition.type",
            "odometer.mileage",
            "environment.air.temp",
            "position.longitude",
            "position.latitude",
            "alert.FuelLevelLow",
            TRIP,
        }
    )
}
FIRST = {"alerts": "a1", "alarms": "r1", "collisions": "c1", "stolen": "s1"}
"""A record of each kind of the van, by the step of the path before its id."""
STEPS = {"peugeot-van": frozenset(ARGUMENTS)}
MOST_CALLBACKS = 3
LABELS = {"peugeot-van": "Partner"}


def position(minute: int, bend_km: float = 0.0) -> Position:
    """East along the equator, half a kilometre a minute; `bend_km` to the north."""
    return Position(MORNING + minute * MINUTE, 10 + minute * 0.0045, bend_km / 111.2, 62.0, 90, 7, "3D")


def messages() -> list[Message]:
    """One a minute for two hours: speed at each, a position at each even minute, more at some."""
    found = []
    for minute in range(120):
        values: dict[str, bool | int | float | str] = {"kinetic.speed": 30.0 + minute % 10, "kinetic.moving": True}
        if minute % 10 == 0:
            values |= {"odometer.mileage": 12_960.5 + minute / 2, "environment.air.temp": 11.5, "privacy.state": "None"}
        if minute % 30 == 0:
            values |= {
                "ignition.type": "Start",
                "doorsState.opening.Driver": "Closed",
                "maintenance.daysBeforeMaintenance": 210,
                "maintenance.mileageBeforeMaintenance": -12.5,
            }
        found.append(Message(MORNING + minute * MINUTE, values, position(minute) if minute % 2 == 0 else None))
    return found


def trips() -> list[Trip]:
    start, end = position(0), position(30)
    full = Trip(
        "t1", MORNING, MORNING + 30 * MINUTE, 15.4, 12_960.5, start, end,
        (EnergyLevel("Fuel", 44.0, 410),), (EnergyLevel("Fuel", 42.5, 395),),
        (EnergyConsumption("Fuel", 95.0, 616.9),), 30.8, 81.0, (), MORNING + 30 * MINUTE,
        (Segment("Thermal", 75.0, 11.55), Segment("Electric", 25.0, 3.85)),
    )  # fmt: skip
    bare = Trip(
        "t2", MORNING + 40 * MINUTE, MORNING + 50 * MINUTE,
        faults=(Fault("Unstarted"), Fault("DataLacking", "Connection")), updated_at_ms=MORNING + 55 * MINUTE,
    )  # fmt: skip
    short = Trip("t3", MORNING + 60 * MINUTE, MORNING + 61 * MINUTE, 0.5)
    going = Trip("t4", MORNING + 100 * MINUTE, None, start_position=position(100), updated_at_ms=MORNING + 119 * MINUTE)
    return [full, bare, short, going]


def alerts() -> list[Alert]:
    """One that was over within a trip, one that began in a trip and goes on, one outside all trips."""
    return [
        Alert(
            "a1", MORNING + 10 * MINUTE, "FuelLevelLow", MORNING + 20 * MINUTE, position(10), position(20),
            MORNING + 20 * MINUTE,
        ),
        Alert("a2", MORNING + 45 * MINUTE, "EngineOilPressureFailure", updated_at_ms=MORNING + 45 * MINUTE),
        Alert(
            "a3", MORNING + 95 * MINUTE, "AddWasherFluid", MORNING + 97 * MINUTE, updated_at_ms=MORNING + 97 * MINUTE
        ),
    ]  # fmt: skip


def collisions() -> list[Collision]:
    hard = (Impact("Front", "Major"), Impact("Lateral"))
    return [
        Collision("c1", MORNING + 15 * MINUTE, hard, False, True, MORNING + 15 * MINUTE + 800),
        Collision("c2", MORNING + 70 * MINUTE, updated_at_ms=MORNING + 70 * MINUTE),
    ]


def alarms() -> list[Alarm]:
    at_ms = MORNING + 65 * MINUTE
    return [
        Alarm("r1", at_ms, activation="Active", updated_at_ms=at_ms),
        Alarm("r2", at_ms + MINUTE, trigger="VolumetricBreakIn", position=position(64), updated_at_ms=at_ms + MINUTE),
        Alarm("r3", at_ms + 2 * MINUTE, activation="Inactive", updated_at_ms=at_ms + 2 * MINUTE),
    ]


def thefts() -> list[Theft]:
    """One of the night before of which no position is known, one while the van drove, one that goes on."""
    return [
        Theft("s0", MORNING - 600 * MINUTE, MORNING - 60 * MINUTE, MORNING - 500 * MINUTE, MORNING - 60 * MINUTE),
        Theft("s1", MORNING + 31 * MINUTE, MORNING + 36 * MINUTE, MORNING + 33 * MINUTE, MORNING + 40 * MINUTE),
        Theft("s2", MORNING + 115 * MINUTE, None, MORNING + 116 * MINUTE, MORNING + 116 * MINUTE),
    ]


def monitors() -> MemoryMonitors:
    """One, that runs since the morning."""
    found = MemoryMonitors({FLEET: [VAN.vin, CAR.vin, SILENT.vin], OTHER_FLEET: [STRANGER.vin]})
    low = body(data("low1", "vehicle.energy.fuel.level", "lowerThan", "5"))
    found.add(Monitor("m1", FLEET, msgspec.json.encode(low), "Running", 1, MORNING, MORNING, ((MORNING, None),)), 1)
    return found


def callback() -> RemoteCallback:
    """One, of every type."""
    body_ = msgspec.json.encode(CALLBACK)
    return RemoteCallback("cb1", FLEET, body_, REMOTE_TYPES, "Running", MORNING, MORNING)


def action() -> RemoteAction:
    """The van was locked."""
    told = (Event("Accepted"), Event("SentToVehicle"), Event("Success"))
    at_ms = MORNING + MINUTE
    done = Life(Phase.DONE, at_ms)
    return RemoteAction("ac1", "cb1", FLEET, VAN.vin, "Doors", msgspec.json.encode(LOCK), done, at_ms, at_ms, told)


def remote(actions: MemoryActions, callbacks: MemoryCallbacks, reader: MemoryReader) -> RemoteService:
    control = Control(actions, reader.status, lambda _: "", lambda model: STEPS.get(model, frozenset()), Rules())
    return RemoteService(callbacks, control, MOST_CALLBACKS, insecure=False, asked=lambda: None)


def reader() -> MemoryReader:
    known = {
        "ignition.type": Known("Start", MORNING + 90 * MINUTE),
        "odometer.mileage": Known(12_978.9, MORNING + 110 * MINUTE),
        "kinetic.speed": Known(39.0, MORNING + 119 * MINUTE),
        "kinetic.moving": Known(True, MORNING + 118 * MINUTE),
        "privacy.state": Known("None", MORNING + 110 * MINUTE),
        "maintenance.daysBeforeMaintenance": Known(210, MORNING + 90 * MINUTE),
        "maintenance.mileageBeforeMaintenance": Known(-12.5, MORNING + 91 * MINUTE),
    }
    return MemoryReader(
        clients={
            "app1": Client("app1", "partner", SECRET[::-1], (FLEET, EMPTY_FLEET), remotes=REMOTE_TYPES),
            "app9": Client("app9", "other", SECRET[::-1], (OTHER_FLEET,)),
        },
        all_fleets={
            FLEET: Fleet(FLEET, "Paris depot", "Light vans", MORNING - 10_000, MORNING - 5_000),
            EMPTY_FLEET: Fleet(EMPTY_FLEET, "Spare", "", MORNING, MORNING + 250),
            OTHER_FLEET: Fleet(OTHER_FLEET, "Not yours", "", MORNING, MORNING),
        },
        members={FLEET: [VAN, CAR, SILENT], OTHER_FLEET: [STRANGER]},
        statuses_of={
            VAN.vin: Status(known, position(118), MORNING + 119 * MINUTE, alarms()[1]),
            CAR.vin: Status({"kinetic.speed": Known(0.0, MORNING)}, None, MORNING),
        },
        all_messages={VAN.vin: messages()},
        all_thefts={VAN.vin: thefts()},
        all_records={
            VAN.vin: [*trips(), *alerts(), *collisions(), *alarms()],
            CAR.vin: [Collision("c9", MORNING, (Impact("Rear", "Minimal"),), updated_at_ms=MORNING)],
        },
    )


_RECORD_ID = re.compile(r"/(\w+)/\{[acs]id\}")


def basic(user: str = "partner", secret: str = SECRET) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}


def _reversed(secret: str, secret_hash: str) -> bool:
    return secret[::-1] == secret_hash


@dataclass
class Api:
    """The application as a client sees it; every body it gives is checked against the published specification."""

    published: Published
    reader: MemoryReader = field(default_factory=reader)
    in_threads: bool = True
    instead: Reader | None = None
    """Another reader that is asked instead."""
    verify: Verify = _reversed
    now: datetime = NOW
    limits: Limits | None = None
    services: dict[str, Service] = field(default_factory=dict)
    monitors: Monitors = field(default_factory=monitors)
    monitoring: Monitoring = field(default_factory=Monitoring)
    actions: MemoryActions = field(default_factory=lambda: MemoryActions(action()))
    changed: list[str] = field(default_factory=list)
    """The ids of monitors and callbacks that delivery was told of."""
    faults: Faults = field(default_factory=Faults)
    troubles: Callable[[], Mapping[str, int]] = dict
    """What somebody has to see to."""

    def __post_init__(self) -> None:
        self.callbacks = MemoryCallbacks(self.actions)
        self.callbacks.add(callback(), 1)
        self.app = self._make_app()
        self.transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)

    def _make_app(self) -> Starlette:
        return create_app(
            self.instead or self.reader,
            PUBLIC_URL,
            lambda: self.now,
            verify=self.verify,
            served=lambda model: MODELS.get(model, frozenset()),
            page_key=b"a key of the tests",
            monitors=self.monitors,
            monitoring=self.monitoring,
            remote=remote(self.actions, self.callbacks, self.reader),
            label=lambda model: LABELS.get(model, ""),
            limits=self.limits,
            changed=self.changed.append,
            faults=self.faults,
            troubles=lambda: self.troubles(),
            services=Services(self.services),
            in_threads=self.in_threads,
        )

    def protect(
        self, state: Literal["Geolocation", "Full"], first: int = -60, last: int | None = None, vehicle: Vehicle = VAN
    ) -> None:
        """The user keeps something to himself, from minute `first` of the morning until minute `last`; None: still."""
        ended_at_ms = None if last is None else MORNING + last * MINUTE
        records = self.reader.all_records.setdefault(vehicle.vin, [])
        records.append(Protection(f"p{len(records)}", MORNING + first * MINUTE, state, ended_at_ms))

    def subscribe(self, *data: str, vehicle: Vehicle = VAN) -> None:
        """The vehicle has one service, with these data."""
        self.services["only"] = Service(data)
        self.app = self.transport.app = self._make_app()
        members = self.reader.members[FLEET]
        members[members.index(vehicle)] = replace(vehicle, services=("only",))

    def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> httpx.Response:
        """One request as it stands."""

        async def exchange() -> httpx.Response:
            async with httpx.AsyncClient(transport=self.transport, base_url=PUBLIC_URL) as client:
                return await client.request(method, url, headers=headers, content=content)

        return asyncio.run(exchange())

    def sent(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> bytes:
        """The body that the application hands to its server: a client drops that of a HEAD, so it cannot tell."""
        body: list[bytes] = []
        asked = {**basic(), **(headers or {})}

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            body.append(message.get("body", b""))

        scope = {
            "type": "http",
            "method": method,
            "path": BASE + path,
            "root_path": "",
            "query_string": b"client_id=app1",
            "headers": [(name.lower().encode(), value.encode()) for name, value in asked.items()],
        }
        asyncio.run(self.app(scope, receive, send))
        return b"".join(body)

    def request(
        self,
        template: str,
        params: Sequence[tuple[str, str]] | Mapping[str, str] | str = (),
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        vehicle: str = VAN.id,
        fleet: str = FLEET,
        trip: str = "t1",
        vin: str = VAN.vin,
        record: str | None = None,
        monitor: str = "m1",
        callback: str = "cb1",
        action: str = "ac1",
        body: object = None,
    ) -> httpx.Response:
        """Asks for a path of the specification; `params` as text is the query string as it stands. `record` is the id
        of an alert or the like; the first of its kind when left out. `body` is sent as JSON, or as it is where it is
        bytes."""
        path = template.replace("{fid}", fleet).replace("{vid}", vehicle).replace("{tid}", trip).replace("{vin}", vin)
        path = path.replace("{mid}", monitor).replace("{cbid}", callback).replace("{rid}", action)
        path = _RECORD_ID.sub(lambda found: f"/{found[1]}/{FIRST[found[1]] if record is None else record}", path)
        client = "client_id=app1"
        if isinstance(params, str):
            query = f"{client}&{params}" if params else client
        else:
            pairs = list(params.items()) if isinstance(params, Mapping) else list(params)
            query = str(httpx.QueryParams([("client_id", "app1"), *pairs]))
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        response = self.send(method, f"{BASE}{path}?{query}", basic() if headers is None else headers, content)
        self.check(template, method, response)
        return response

    def get(
        self,
        template: str,
        params: Sequence[tuple[str, str]] | Mapping[str, str] | str = (),
        *,
        vehicle: str = VAN.id,
        fleet: str = FLEET,
        trip: str = "t1",
        vin: str = VAN.vin,
        record: str | None = None,
    ) -> Any:
        """The body of a successful answer."""
        response = self.request(template, params, vehicle=vehicle, fleet=fleet, trip=trip, vin=vin, record=record)
        assert response.status_code == 200, response.text
        return response.json()

    def follow(self, template: str, href: str) -> Any:
        """The body at a link, fetched as a client does: as it stands, with `client_id` appended."""
        assert href.startswith(ROOT)
        joint = "&" if "?" in href else "?"
        response = self.send("GET", f"{href}{joint}client_id=app1", basic())
        self.check(template, "GET", response)
        assert response.status_code == 200, response.text
        return response.json()

    def check(self, template: str, method: str, response: httpx.Response) -> None:
        media_type = response.headers.get("content-type", "")
        if response.status_code >= 400:
            assert media_type == "application/json"
        if response.content:
            body = json.loads(response.content)
            self.published.assert_conforms(template, method, response.status_code, body, media_type)
