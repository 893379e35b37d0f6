"""A box without a clock, from uploads to the API: nothing has a date before there is an anchor, then all of it has."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.upload import Anchor, AnchorSource, Upload
from tests.cloud_bridge.vehicle import EPOCH_MS, MANIFEST_BODY, MODEL, VIN, Boot, encode, write_profile
from tests.e2e.bridge import NOW_MS, Bridge
from tests.e2e.uploads import Sent

LENGTH_MS = 10_000
ASKED = ("/status", "/lastPosition", "/telemetry", "/trips")
EVENING = Boot(b"evening." + bytes(8), anchor=None)
MORNING = Boot(b"morning." + bytes(8), anchor=None)
MORNING_MS = EPOCH_MS + 12 * 3_600_000
"""When the second boot's clock was 0; that of the first was at `EPOCH_MS`."""
UNCERTAINTY_MS = 700
LAST = 24
"""The number of the drive's last upload: four minutes of driving between two of standing."""


def drive(boot: Boot) -> list[Upload]:
    """Without any anchor."""
    made = []
    for number in range(LAST + 1):
        moves = 0 < number < LAST
        made.append(boot.upload(number, ignition=moves, speed_kmh=36.0 if moves else 0.0))
    return made


def anchored(boot: Boot, number: int, began_ms: int, uncertainty_ms: int, source: AnchorSource) -> bytes:
    """A parked vehicle's upload; by its anchor the boot's clock was 0 at `began_ms`."""
    at_ms = number * LENGTH_MS
    upload = boot.upload(number, ignition=False, speed_kmh=0.0)
    return encode(msgspec.structs.replace(upload, anchor=Anchor(at_ms, began_ms + at_ms, uncertainty_ms, source)))


@cache
def evening() -> list[bytes]:
    return [encode(upload) for upload in drive(EVENING)]


@cache
def morning() -> list[bytes]:
    return [encode(upload) for upload in drive(MORNING)]


def told(boot: Boot, began_ms: int) -> bytes:
    """Half a second off, as a receipt's time may be."""
    return anchored(boot, LAST + 1, began_ms + 500, UNCERTAINTY_MS, AnchorSource.BRIDGE)


def seen(boot: Boot, began_ms: int) -> bytes:
    return anchored(boot, LAST + 2, began_ms, 20, AnchorSource.GNSS)


def new_bridge(folder: Path) -> Bridge:
    bridge = Bridge(folder, Sent(VIN, MODEL, MANIFEST_BODY, (), write_profile(folder / "vehicles")))
    bridge.manifest()
    return bridge


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    bridge = new_bridge(tmp_path)
    yield bridge
    bridge.close()


def answered(bridge: Bridge) -> list[int]:
    return [bridge.get(resource).status_code for resource in ASKED]


def trips(bridge: Bridge) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bridge.get("/trips").json()["_embedded"]["trips"]
    return found


def milliseconds(date: str) -> int:
    return round(datetime.fromisoformat(date).timestamp() * 1000)


def dates(bridge: Bridge) -> dict[str, int]:
    """What the evening's drive is dated by, resource by resource."""
    (trip,) = trips(bridge)
    telemetry = bridge.get("/telemetry", pageSize="2000").json()["_embedded"]["telemetries"]
    way_points = bridge.get(f"/trips/{trip['id']}/wayPoints").json()["_embedded"]["positions"]
    return {
        "start": milliseconds(trip["startedAt"]),
        "stop": milliseconds(trip["stoppedAt"]),
        "start position": milliseconds(trip["startPosition"]["properties"]["createdAt"]),
        "first said": milliseconds(telemetry[0]["createdAt"]),
        "first way point": milliseconds(way_points[0]["properties"]["createdAt"]),
    }


TRUE = {
    "start": EPOCH_MS + LENGTH_MS + 100,
    "stop": EPOCH_MS + LAST * LENGTH_MS + 100,
    "start position": EPOCH_MS + LENGTH_MS + 1000,
    "first said": EPOCH_MS,
    "first way point": EPOCH_MS + LENGTH_MS + 1000,
}


def test_a_drive_without_a_clock_is_published_when_it_can_be_dated_and_better_when_it_can_be_dated_better(
    bridge: Bridge,
) -> None:
    bridge.send(*evening())
    assert answered(bridge) == [404] * 4

    bridge.send(told(EVENING, EPOCH_MS))
    assert answered(bridge) == [200] * 4
    rough = dates(bridge)
    assert all(abs(rough[name] - true_ms) <= UNCERTAINTY_MS for name, true_ms in TRUE.items())
    assert rough != TRUE
    newest_ms = EPOCH_MS + (LAST + 1) * LENGTH_MS + 9000
    status, position = bridge.get("/status").json(), bridge.get("/lastPosition").json()
    assert abs(milliseconds(status["updatedAt"]) - newest_ms) <= UNCERTAINTY_MS
    assert abs(milliseconds(position["properties"]["createdAt"]) - newest_ms) <= UNCERTAINTY_MS

    bridge.send(seen(EVENING, EPOCH_MS))
    assert dates(bridge) == TRUE
    assert milliseconds(bridge.get("/status").json()["updatedAt"]) == newest_ms + LENGTH_MS


def test_what_is_known_of_one_boot_dates_nothing_of_another(bridge: Bridge) -> None:
    bridge.send(*evening(), *morning(), seen(MORNING, MORNING_MS))
    (trip,) = trips(bridge)
    assert milliseconds(trip["startedAt"]) == MORNING_MS + LENGTH_MS + 100
    bridge.send(seen(EVENING, EPOCH_MS))
    assert [milliseconds(trip["startedAt"]) - LENGTH_MS - 100 for trip in trips(bridge)] == [EPOCH_MS, MORNING_MS]


@pytest.mark.parametrize("source", [AnchorSource.BRIDGE, AnchorSource.GNSS, AnchorSource.SYSTEM])
def test_a_time_that_has_not_come_yet_is_not_believed(bridge: Bridge, source: AnchorSource) -> None:
    bridge.send(*evening(), anchored(EVENING, LAST + 1, NOW_MS + 86_400_000, 1, source))
    assert answered(bridge) == [404] * 4
    bridge.send(seen(EVENING, EPOCH_MS))
    assert dates(bridge) == TRUE


def test_a_boot_that_would_have_begun_before_1970_waits(bridge: Bridge) -> None:
    at_ms = (LAST + 1) * LENGTH_MS
    bridge.send(*evening(), anchored(EVENING, LAST + 1, -at_ms, 1, AnchorSource.SYSTEM))
    assert answered(bridge) == [404] * 4
    bridge.send(seen(EVENING, EPOCH_MS))
    assert dates(bridge) == TRUE


def everything() -> list[bytes]:
    anchors = [say(*boot) for boot in ((EVENING, EPOCH_MS), (MORNING, MORNING_MS)) for say in (told, seen)]
    return [*evening(), *morning(), *anchors]


@cache
def undisturbed() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        bridge = new_bridge(Path(folder))
        for upload in everything():
            bridge.send(upload)
            bridge.derive()
        answers = bridge.answers()
        bridge.close()
    return answers


@settings(max_examples=10)
@given(data=st.data())
def test_when_anchors_come_makes_no_difference_to_any_answer(data: st.DataObject) -> None:
    uploads = data.draw(st.permutations(everything()))
    bounds = sorted({0, len(uploads), *data.draw(st.sets(st.integers(0, len(uploads)), max_size=5))})
    with tempfile.TemporaryDirectory() as folder:
        bridge = new_bridge(Path(folder))
        for first, last in pairwise(bounds):
            bridge.send(*uploads[first:last])
            bridge.derive()
        assert bridge.answers() == undisturbed()
        bridge.close()
