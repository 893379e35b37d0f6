"""What was derived, as tables hold it and as readers tell it; and a drive that has something of everything."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import msgspec

from cloud_bridge.records.model import RECORDS, Message, Trip
from contract.catalog import TELEMETRY_KINDS
from contract.upload import Reason, Upload
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.vehicle import VIN, Boot, anchor

ALWAYS = [(0, 1 << 62)]
KINDS = frozenset(TELEMETRY_KINDS)
DERIVED = ("anchor", "chunk", "status", "record", "implausible")
BOOT = Boot()


def derived(cloud: Cloud) -> dict[str, list[tuple[object, ...]]]:
    cloud.deriver.derive(VIN)
    return {table: cloud.rows(table) for table in DERIVED}


def answers(cloud: Cloud) -> bytes:
    """Everything that the API can read of the vehicle, in bytes."""
    reader = cloud.reader
    return msgspec.msgpack.encode(
        (
            reader.status(VIN),
            [reader.records(kind, VIN, ALWAYS) for kind in RECORDS],
            reader.messages(VIN, ALWAYS, KINDS, 0, 1 << 30),
            reader.positions(VIN, ALWAYS),
        )
    )


def all_messages(cloud: Cloud) -> list[Message]:
    return cloud.reader.messages(VIN, ALWAYS, KINDS, 0, 1 << 30)[1]


class Answers(msgspec.Struct):
    status: object
    trips: list[object]


def fresh(sequences: tuple[int, ...]) -> Answers:
    """Of a bridge that got these at once."""
    with tempfile.TemporaryDirectory() as folder:
        cloud = Cloud(Path(folder))
        cloud.register_both()
        cloud.send_manifest()
        cloud.send(*[BOOT.payload(sequence) for sequence in sequences])
        result = Answers(cloud.reader.status(VIN), [*cloud.reader.records(Trip, VIN, ALWAYS)])
        cloud.database.close()
        return result


def drive() -> list[Upload]:
    """Three kernel boots: one with a restart and a late, better anchor; one whose anchor is off, so that it overlaps
    the first, and was further off before; one without an anchor. Two trips; an alert that ends, one that does not."""
    first = Boot(b"kernel01agent001", anchor=None)
    restarted = Boot(b"kernel01agent002", anchor=anchor(error_ms=300, uncertainty_ms=400))
    better = dataclasses.replace(restarted, anchor=anchor(uncertainty_ms=20))
    rough = Boot(b"kernel02agent000", anchor=anchor(error_ms=-4_000_000, uncertainty_ms=5000))
    second = Boot(b"kernel02agent001", anchor=anchor(error_ms=95_000))
    undated = Boot(b"kernel03agent001", anchor=None)
    return [
        *(first.upload(sequence, door=sequence == 1) for sequence in range(4)),
        *(restarted.upload(sequence, oil=sequence in (5, 6)) for sequence in range(4, 9)),
        better.upload(9),
        better.upload(10, ignition=False, speed_kmh=0),
        better.upload(11, ignition=None, speed_kmh=0, reason=Reason.SLEEP),
        *(rough.upload(sequence, door=True) for sequence in range(3)),
        *(second.upload(sequence, oil=True if sequence == 5 else None) for sequence in range(3, 9)),
        second.upload(60, ignition=False, speed_kmh=0),
        undated.upload(0),
    ]
