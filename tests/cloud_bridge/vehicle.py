"""A small made-up vehicle: its profile, its manifest, and uploads of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

from msgspec.structs import replace

from contract.manifest import Group, Manifest, Sampling, Signal, encode_manifest, manifest_id
from contract.upload import (
    Anchor,
    AnchorSource,
    Change,
    Count,
    Evicted,
    Grid,
    Ledger,
    Privacy,
    Reason,
    Upload,
    encode_upload,
)

VIN = "VF3TESTCAR0000001"
OTHER_VIN = "VF3TESTCAR0000002"
MODEL = "test-car"
PROFILE = """
model = "test-car"
label = "Test car"
brand = "Canlift"
motorization = "Thermic"

[buses.can0]
databases = ["test_car.dbc"]

[classes]
fast = { every = "1s" }
state = { on_change = true, every = "60s" }

[signals]
"Motion.Speed" = { class = "fast" }
"Body.Ignition" = { class = "state" }
"Body.Door" = { class = "state" }
"Odometer.Total" = { class = "state" }
"Lamps.Oil" = { class = "state" }

[data]
"ignition.type" = { from = "Body.Ignition", values = { Off = "Stop", On = "Start" } }
"doorsState.opening.Driver" = { from = "Body.Door", values = { Closed = "Closed", Open = "Open" } }
"kinetic.speed" = { from = "Motion.Speed" }
"odometer.mileage" = { from = "Odometer.Total" }

[alerts]
EngineOilPressureFailure = { from = "Lamps.Oil", is = ["On"] }

[trip]
datum = "ignition.type"
active = ["Start"]
"""

MANIFEST = Manifest(
    MODEL,
    (
        Group(
            Sampling.EVERY,
            1000,
            (
                Signal("Motion.Speed", 0.1, unit="km/h"),
                Signal("GNSS.Longitude", 1e-7, unit="deg"),
                Signal("GNSS.Latitude", 1e-7, unit="deg"),
            ),
        ),
        Group(
            Sampling.ON_CHANGE,
            60_000,
            (
                Signal("Body.Ignition", choices={0: "Off", 1: "On"}),
                Signal("Body.Door", choices={0: "Closed", 1: "Open"}),
                Signal("Odometer.Total", 0.1, unit="km"),
                Signal("Lamps.Oil", choices={0: "Off", 1: "On"}),
            ),
        ),
    ),
)
MANIFEST_ID = manifest_id(MANIFEST)
MANIFEST_BODY = encode_manifest(MANIFEST)
SPEED, LONGITUDE, LATITUDE, IGNITION, DOOR, ODOMETER, OIL = range(7)

EPOCH_MS = 1_700_000_000_000
"""2023-11-14T22:13:20Z, when the boot's clock was 0."""


def anchor(at_ms: int = 0, error_ms: int = 0, uncertainty_ms: int = 50) -> Anchor:
    return Anchor(at_ms, EPOCH_MS + at_ms + error_ms, uncertainty_ms, AnchorSource.GNSS)


ANCHOR = anchor()


class Said(TypedDict, total=False):
    """What an upload says; what is left out is driving at a steady speed."""

    speed_kmh: float
    ignition: bool | None
    door: bool | None
    oil: bool | None
    reason: Reason
    evicted: tuple[Evicted, ...]


@dataclass(frozen=True)
class Boot:
    """Uploads of one boot: each of ten seconds, numbered by where in the boot it is."""

    id: bytes = bytes(range(16))
    vin: str = VIN
    anchor: Anchor | None = ANCHOR
    length_s: int = 10

    def upload(self, sequence: int, **said: Unpack[Said]) -> Upload:
        start_ms = sequence * self.length_s * 1000
        rows = range(self.length_s)
        raw = round(said.get("speed_kmh", 36.0) * 10)
        travelled = [(sequence * self.length_s + row) * 10 for row in rows]
        grid = Grid(
            0,
            start_ms,
            (
                tuple(raw for _ in rows),
                tuple(23_000_000 + metres * 90 for metres in travelled),
                tuple(480_000_000 for _ in rows),
            ),
        )
        states = {IGNITION: said.get("ignition", True), DOOR: said.get("door"), OIL: said.get("oil")}
        values = {signal: int(state) for signal, state in states.items() if state is not None}
        values[ODOMETER] = 1_000_000 + travelled[0] // 100
        changes = tuple(Change(start_ms + 100, signal, value) for signal, value in sorted(values.items()))
        return Upload(
            self.id,
            sequence,
            self.vin,
            MANIFEST_ID,
            said.get("reason", Reason.CADENCE),
            start_ms,
            start_ms + self.length_s * 1000,
            self.anchor,
            Ledger({Count.FRAMES: 1000}, said.get("evicted", ())),
            (grid,),
            changes,
        )

    def payload(self, sequence: int, **said: Unpack[Said]) -> bytes:
        return encode(self.upload(sequence, **said))

    def private_drive(self, first: int, private: range, privacy: Privacy) -> list[bytes]:
        """Eight uploads from number `first`, one standing at either end, `private` of the eight under `privacy`; of
        those under `Full` the first says that it is so, and there are no others."""
        made = []
        for place in range(8):
            moves = 0 < place < 7
            upload = self.upload(first + place, ignition=moves, speed_kmh=36.0 if moves else 0.0)
            if place in private:
                upload = replace(upload, privacy=privacy)
                if privacy is Privacy.FULL:
                    upload = replace(upload, grids=(), changes=())
            if place not in private[1:] or privacy is not Privacy.FULL:
                made.append(encode(upload))
        return made


def encode(upload: Upload) -> bytes:
    return encode_upload(upload, MANIFEST)


def thinned(upload: Upload, stride: int = 2) -> bytes:
    """As a full journal leaves it: of the grid only each so many rows."""
    grid = upload.grids[0]
    columns = tuple(column[::stride] for column in grid.columns)
    lost = len(grid.columns) * (len(grid.columns[0]) - len(columns[0]))
    ledger = replace(upload.ledger, counts={**upload.ledger.counts, Count.THINNED: lost})
    return encode(replace(upload, grids=(replace(grid, stride=stride, columns=columns),), ledger=ledger))


def undecodable(upload: Upload) -> bytes:
    """Its header reads; its columns are of another manifest than the one it names."""
    other = Manifest(MODEL, (replace(MANIFEST.groups[0], signals=MANIFEST.groups[0].signals[:1]),))
    grid = upload.grids[0]
    lying = replace(upload, grids=(replace(grid, columns=grid.columns[:1]),), changes=(), manifest=manifest_id(other))
    return encode_upload(lying, other).replace(manifest_id(other), MANIFEST_ID)


def write_profile(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{MODEL}.toml").write_text(PROFILE, encoding="utf-8")
    return folder
