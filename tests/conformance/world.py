"""Every recording that a shipped model covers, replayed by the agent's code into a bridge on SQLite, in one process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from cloud_bridge.access.secrets import hash_secret
from cloud_bridge.actions.life import REMOTE_TYPES, Event, Known, Life, Phase
from cloud_bridge.bridge import Bridge
from cloud_bridge.clock import clock_ms
from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.services import Service
from cloud_bridge.settings import Api, Database, Settings, Vehicles
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.port.registry import Client, Fleet, Theft, Vehicle
from cloud_bridge.store.port.remote import Move, RemoteAction, RemoteCallback
from contract.topics import MANIFEST, UP, topic
from tests.cloud_bridge.monitors import bodies
from tests.conformance import everything, remotes
from tests.conformance.monitors import LOW, WHOLE
from tests.conftest import ROOT
from tests.e2e.uploads import PROFILES, collect

FLEET, EMPTY_FLEET, OTHER_FLEET = "f1", "f2", "f9"
PUBLIC_URL = "https://cars.example.org"
SECRET = "open sesame"
"""Of all clients."""
CLIENT, LIMITED_CLIENT, OTHER_CLIENT = "app1", "app2", "app9"
"""One that may ask as much as it likes, one that may ask once, one of another fleet."""
USER = "partner"
MANY = 10**9
THEFTS = ("5701e2", "5701e3", "5701e4")
"""Their ids; the first has ended."""
CALLBACK = "ca11bac4" * 4
ACTION = f"{0:032x}"
"""Of the callback, the first."""
CADENCE_MS = 60_000


class Recording(NamedTuple):
    model: str
    vin: str
    log: str
    """Below the folder of recordings."""
    nmea: str | None = None
    services: tuple[str, ...] = ()
    """That the vehicle is subscribed to; none: everything is shown."""


_COMMUTE = "logs/car_obd2_gnss_imu_css_trip1_40min.log.gz"
STANDING = Recording("peugeot-comfort-2004", "VF3PARTNER0000001", "logs/peugeot_partner_conf_bus_static.log.gz")
RECORDINGS = (
    Recording(
        "peugeot-comfort-2004",
        "VF30A5FWTEST00001",
        "derived/psa_conf_trip_a.log.gz",
        "derived/psa_conf_trip_a.nmea.gz",
    ),
    STANDING,
    Recording("obd2-canmod", "WAUZZZ00000000001", _COMMUTE),
    Recording("obd2", "WAUZZZ00000000002", _COMMUTE),
    Recording("alfa-giulia", "ZARFAEBN000000001", "logs/alfa_giulia_recan_exp3_12s_hard_brake.log.gz"),
    Recording("j1939-truck", "YS2R4X20005399401", "logs/truck_j1939_css_127s.log.gz"),
    Recording("nissan-leaf", "SJNFAAZE1U0000001", "logs/nissan_ev_uds_gps_css_63s.log.gz"),
    Recording("nissan-leaf", "SJNFAAZE1U0000002", "logs/ev_uds_isotp_css_299s.log.gz"),
)
"""Of real cars, beside the project."""
DEMO = Recording("demo-car", "VF3DEM0CARLFT2026", "drive.log.gz", "drive.nmea.gz")
EVERYTHING = {
    "None": Recording(everything.MODEL, "VF3EVERYTH1NG0001", "everything-None.log"),
    "Geolocation": Recording(everything.MODEL, "VF3EVERYTH1NG0002", "everything-Geolocation.log"),
    "Full": Recording(everything.MODEL, "VF3EVERYTH1NG0003", "everything-Full.log"),
}
"""By the privacy that the car is in at the end."""
FEW_DATA = Recording(everything.MODEL, "VF3EVERYTH1NG0004", EVERYTHING["None"].log, services=("care",))
SERVICES = {"care": Service(("maintenance.*", "odometer.mileage", "alert"))}


class World:
    """A bridge that has heard everything. `vehicles` gives the ids of the vehicles by VIN."""

    def __init__(self, folder: Path, data: Path | None, wanted: Sequence[Recording] = RECORDINGS) -> None:
        """`data` has the recordings of real cars; None: there are none."""
        profiles = folder / "profiles"
        profiles.mkdir()
        everything.write_model(profiles)
        self.bridge = Bridge(
            Settings(
                database=Database(folder / "bridge.db"),
                api=Api(public_url=PUBLIC_URL),
                vehicles=Vehicles(profiles),
                services=SERVICES,
            )
        )
        self.app = self.bridge.app
        self.vehicles: dict[str, str] = {}
        self._ingest = Ingest(self.bridge.storage.receiving, clock_ms)
        self._folder = folder
        self._add_clients()
        if data is not None:
            for recording in wanted:
                self._drive(data, recording, PROFILES)
        self._drive(ROOT / "demo", DEMO, PROFILES)
        for privacy, recording in EVERYTHING.items():
            everything.write_recording(folder / recording.log, privacy)
            self._drive(folder, recording, profiles)
        self._drive(folder, FEW_DATA, profiles)
        self._steal()
        self._watch()
        self._control()

    def _add_clients(self) -> None:
        registry = self.bridge.storage.registry
        for fleet in (FLEET, EMPTY_FLEET, OTHER_FLEET):
            registry.add_fleet(Fleet(fleet, f"Fleet {fleet}", "", 1, 1))
        client = Client(CLIENT, USER, hash_secret(SECRET), (FLEET, EMPTY_FLEET), MANY, MANY, remotes=REMOTE_TYPES)
        registry.add_client(client, 1)
        registry.add_client(replace(client, id=LIMITED_CLIENT, day=1), 1)
        registry.add_client(replace(client, id=OTHER_CLIENT, fleets=(OTHER_FLEET,)), 1)

    def _steal(self) -> None:
        start_ms = everything.START_S * 1000
        for vin, theft in (
            (EVERYTHING["None"].vin, Theft(THEFTS[0], start_ms + 20_000, start_ms + 60_000, start_ms, start_ms)),
            (EVERYTHING["None"].vin, Theft(THEFTS[1], start_ms + 120_000, None, start_ms, start_ms)),
            (EVERYTHING["Geolocation"].vin, Theft(THEFTS[2], start_ms, None, start_ms, start_ms)),
        ):
            self.bridge.storage.registry.add_theft(vin, theft)

    def _watch(self) -> None:
        """One that has every field, and one that has few."""
        now_ms = clock_ms()
        for monitor_id, body in (("0a" * 16, WHOLE), ("0b" * 16, bodies.body(LOW))):
            made = Monitor(
                monitor_id, FLEET, json.dumps(body).encode(), "Running", 1, now_ms, now_ms, ((now_ms, None),)
            )
            self.bridge.storage.monitors.add(made, MANY)

    def _control(self) -> None:
        """A callback that has every field, and actions that have every field between them."""
        storage, now_ms = self.bridge.storage, clock_ms()
        body = json.dumps(remotes.WHOLE).encode()
        storage.callbacks.add(RemoteCallback(CALLBACK, FLEET, body, REMOTE_TYPES, "Running", now_ms, now_ms), MANY)
        done = Life(Phase.DONE, now_ms)
        events = (Event("Accepted"), Event("SentToVehicle"), Event("Failed", "DoorsOpen"))
        for number, asked in enumerate(remotes.right()):
            body = json.dumps(asked).encode()
            action = RemoteAction(
                f"{number:032x}", CALLBACK, FLEET, EVERYTHING["None"].vin, "Doors", body, done, now_ms, now_ms
            )
            storage.actions.begin(action, Known(), lambda _: Move(done, events, (), now_ms), now_ms)

    def _drive(self, data: Path, recording: Recording, profiles: Path) -> None:
        place = len(self.vehicles) + 1
        own = self._folder / str(place)
        own.mkdir()
        nmea = None if recording.nmea is None else data / recording.nmea
        sent = collect(own, data / recording.log, nmea, recording.vin, recording.model, CADENCE_MS, profiles)
        vehicle_id = f"{place:040x}"
        self.bridge.storage.registry.add_vehicle(
            Vehicle(vehicle_id, recording.vin, recording.model, "Brand", "Thermic", 1, 1, services=recording.services),
            [FLEET],
        )
        self._ingest.commit(
            [
                Delivery(topic(recording.vin, MANIFEST), sent.manifest),
                *(Delivery(topic(recording.vin, UP), upload) for upload in sent.uploads),
            ]
        )
        self.vehicles[recording.vin] = vehicle_id

    def close(self) -> None:
        self.bridge.storage.close()
