"""Events of a drive on the bridge: what was said around them at full rate, in whatever order the uploads come."""

from __future__ import annotations

import json
import tempfile
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.bus.recording import Recording
from contract.manifest import decode_manifest
from contract.upload import Reason, decode_upload
from tests.conftest import ROOT
from tests.e2e.bridge import Bridge
from tests.e2e.test_order import DEMO
from tests.e2e.uploads import PROFILES, Sent, collect

pytestmark = pytest.mark.slow

EVENT = """
[events.quick]
when = "Motion.VehicleSpeed > 40"
clear = "Motion.VehicleSpeed < 30"
before = "30s"
after = "15s"
"""


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    """The demo's, of a model with an event whose time before reaches over several uploads."""
    folder = tmp_path_factory.mktemp("drive")
    profile = (PROFILES / "demo-car.toml").read_text().replace("../../dbc", str(ROOT / "dbc"))
    (folder / "demo-car.toml").write_text(profile + EVENT)
    return collect(
        folder, DEMO / "drive.log.gz", DEMO / "drive.nmea.gz", "VF3DEM0CARLFT2026", "demo-car", 10_000, folder
    )


@pytest.fixture(scope="module")
def undisturbed(drive: Sent, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    bridge = Bridge(tmp_path_factory.mktemp("bridge"), drive)
    bridge.manifest()
    for number in range(len(drive.uploads)):
        bridge.take([number])
        if number % 10 == 0:
            bridge.derive()
    answers = bridge.answers()
    bridge.storage.deriver.rebuild(drive.vin)
    assert bridge.answers() == answers
    bridge.close()
    return answers


def test_telemetry_has_all_that_was_said_around_an_event(drive: Sent, undisturbed: dict[str, bytes]) -> None:
    manifest = decode_manifest(drive.manifest)
    uploads = [decode_upload(payload, manifest) for payload in drive.uploads]
    events = {event for upload in uploads for event in upload.events if event.name == "quick"}
    assert len(events) > 2
    assert all(upload.reason is not Reason.CADENCE for upload in uploads if upload.events)
    assert any(before.end_ms > after.start_ms for before, after in pairwise(uploads))

    recording = Recording([DEMO / "drive.log.gz"], ("can0",))
    spoken = [frame.at_ms for batch in recording.batches() for frame in batch if frame.id == 0x120]
    start_utc_ms = recording.start_utc_ms
    assert start_utc_ms is not None
    shown = {
        round(datetime.fromisoformat(message["createdAt"]).timestamp() * 1000) - start_utc_ms
        for path, answer in undisturbed.items()
        if "/telemetry?" in path and "/trips/" not in path
        for message in json.loads(answer)["_embedded"]["telemetries"]
        if "speed" in message.get("vehicle", {}).get("kinetic", {})
    }
    around = {
        at_ms for at_ms in spoken if any(event.at_ms - 30_000 <= at_ms <= event.at_ms + 15_000 for event in events)
    }
    assert len(around) > 1000
    assert around <= shown


@settings(max_examples=8)
@given(data=st.data())
def test_any_order_of_uploads_with_events_gives_the_same_answers(
    drive: Sent, undisturbed: dict[str, bytes], data: st.DataObject
) -> None:
    numbers = list(range(len(drive.uploads)))
    order = data.draw(st.permutations(numbers), label="order")
    again = data.draw(st.lists(st.sampled_from(numbers), max_size=10), label="again")
    deliveries = order + again
    with tempfile.TemporaryDirectory() as folder:
        bridge = Bridge(Path(folder), drive)
        bridge.manifest()
        for begin in range(0, len(deliveries), 40):
            bridge.take(deliveries[begin : begin + 40])
            bridge.derive()
        assert bridge.answers() == undisturbed
        bridge.close()
