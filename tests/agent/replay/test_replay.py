"""A replay ends well only when every upload is receipted, and an interrupted one goes on as the same drive."""

from __future__ import annotations

import gzip
import threading
import time
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from agent.bus.recording import RecordingError
from agent.journal.inventory import journals_in, take_inventory
from agent.lifting import Progress
from agent.plan.compiling import compile_plan
from agent.plan.plan import Plan
from agent.replay.replay import Ended, Outcome, Replay, replay
from agent.settings.agent import Settings
from agent.settings.uplink import UplinkSettings
from contract.configuration import Duration
from contract.manifest import encode_manifest, manifest_id
from contract.upload import AnchorSource, Count, Reason, Upload, decode_upload
from tests.agent.bridge import Bridge, number_of
from tests.conftest import ROOT, Mosquitto, free_port

VIN = "VR3CANL1FT0000001"
PROFILE = ROOT / "config" / "vehicles" / "demo-car.toml"
LOG = ROOT / "demo" / "drive.log.gz"
NMEA = ROOT / "demo" / "drive.nmea.gz"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(PROFILE)


@pytest.fixture(scope="module")
def short_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first minutes of the demo drive."""
    path = tmp_path_factory.mktemp("recording") / "short.log"
    with gzip.open(LOG, "rt") as lines:
        path.write_text("".join(next(lines) for _ in range(10_000)))
    return path


def wanted(log: Path, state: Path, port: int) -> Replay:
    uplink = UplinkSettings(
        brokers=(f"127.0.0.1:{port}",),
        receipt_timeout=Duration(500),
        first_backoff=Duration(50),
        longest_backoff=Duration(500),
    )
    return Replay((log,), VIN, PROFILE, Settings(state=state, uplink=uplink), timeout_s=120)


def played(what: Replay, plan: Plan, stop: threading.Event | None = None) -> Outcome:
    return replay(what, plan, lambda _: None, stop or threading.Event())


def uploads(bridge: Bridge, plan: Plan) -> list[Upload]:
    return [decode_upload(payload, plan.manifest) for _, payload in sorted(bridge.held.items())]


def test_a_replay_lifts_the_whole_recording(mosquitto: Mosquitto, tmp_path: Path, plan: Plan, short_log: Path) -> None:
    with Bridge(mosquitto.port, number_of) as bridge:
        outcome = played(wanted(short_log, tmp_path, mosquitto.port), plan)
        lifted = uploads(bridge, plan)
    assert outcome.ended is Ended.RECEIPTED
    assert outcome.progress.frames == 10_000
    assert outcome.progress.depth == 0
    assert [upload.sequence for upload in lifted] == list(range(outcome.progress.uploads))
    assert {upload.vin for upload in lifted} == {VIN}
    assert sum(upload.ledger.counts.get(Count.FRAMES, 0) for upload in lifted) == 10_000
    assert lifted[-1].reason is Reason.SLEEP
    for upload in lifted:
        assert upload.anchor is not None
        assert upload.anchor.source is AnchorSource.RECORDING
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(lifted))
    assert outcome.progress.samples > 100
    assert [take_inventory(path).uploads for path in journals_in(tmp_path)] == [0]


def test_the_receivers_sentences_become_positions(
    mosquitto: Mosquitto, tmp_path: Path, plan: Plan, short_log: Path
) -> None:
    longitude = next(
        index
        for index, signal in enumerate(signal for group in plan.manifest.groups for signal in group.signals)
        if signal.name == "GNSS.Longitude"
    )
    with Bridge(mosquitto.port, number_of) as bridge:
        outcome = played(replace(wanted(short_log, tmp_path, mosquitto.port), nmea=NMEA), plan)
        lifted = uploads(bridge, plan)
    assert outcome.ended is Ended.RECEIPTED
    first = sum(len(group.signals) for group in plan.manifest.groups[: _group_of(plan, longitude)])
    columns = [
        grid.columns[longitude - first]
        for upload in lifted
        for grid in upload.grids
        if grid.group == _group_of(plan, longitude)
    ]
    assert sum(len(column) - column.count(None) for column in columns) > 100


def _group_of(plan: Plan, signal: int) -> int:
    for number_, group in enumerate(plan.manifest.groups):
        if signal < len(group.signals):
            return number_
        signal -= len(group.signals)
    raise AssertionError("no such signal")


def test_a_manifest_that_the_bridge_asks_for_comes_before_the_replay_ends(
    mosquitto: Mosquitto, tmp_path: Path, plan: Plan, short_log: Path
) -> None:
    encoded = encode_manifest(plan.manifest)
    with Bridge(mosquitto.port, number_of) as bridge:
        bridge.wanted = (manifest_id(plan.manifest),)
        assert played(wanted(short_log, tmp_path, mosquitto.port), plan).ended is Ended.RECEIPTED
        assert bridge.manifests[:1] == [encoded]


def test_without_a_bridge_the_uploads_are_kept_and_the_same_command_goes_on_with_them(
    mosquitto: Mosquitto, tmp_path: Path, plan: Plan, short_log: Path
) -> None:
    alone = played(replace(wanted(short_log, tmp_path, mosquitto.port), timeout_s=1.5), plan)
    assert alone.ended is Ended.TIMED_OUT
    assert alone.progress.receipted == 0
    (journal,) = journals_in(tmp_path)
    (boot,) = take_inventory(journal).boots
    assert boot.sequences == [(0, alone.progress.uploads - 1)]
    with Bridge(mosquitto.port, number_of) as bridge:
        again = played(wanted(short_log, tmp_path, mosquitto.port), plan)
        assert again.ended is Ended.RECEIPTED
        assert len({key.boot for key in bridge.held}) == 1
        assert sorted(key.sequence for key in bridge.held) == list(range(alone.progress.uploads))


def test_a_continued_replay_says_the_same_under_every_number_whatever_its_speed(
    mosquitto: Mosquitto, tmp_path: Path, plan: Plan, short_log: Path
) -> None:
    with Bridge(mosquitto.port, number_of) as bridge:
        stop = threading.Event()

        def stop_when_something_arrived(_progress: Progress) -> None:
            if bridge.held:
                stop.set()

        slow = replace(wanted(short_log, tmp_path, mosquitto.port), speed=60)
        interrupted = replay(slow, plan, stop_when_something_arrived, stop)
        assert interrupted.ended is Ended.STOPPED
        # Receipts that the broker has kept for the next start are gone with it: all is sent again.
        bridge.subscribed.clear()
        mosquitto.kill()
        mosquitto.start()
        assert bridge.subscribed.wait(60)
        first = dict(bridge.held)
        assert len(first) > 0
        bridge.held.clear()
        assert played(wanted(short_log, tmp_path, mosquitto.port), plan).ended is Ended.RECEIPTED
        assert first.items() <= bridge.held.items()
        assert len(first) < len(bridge.held)


def test_a_finished_recording_replayed_again_is_another_drive(
    mosquitto: Mosquitto, tmp_path: Path, plan: Plan, short_log: Path
) -> None:
    with Bridge(mosquitto.port, number_of) as bridge:
        for _ in range(2):
            assert played(wanted(short_log, tmp_path, mosquitto.port), plan).ended is Ended.RECEIPTED
        assert len({key.boot for key in bridge.held}) == 2


def test_full_speed_never_runs_far_ahead_of_the_receipts(mosquitto: Mosquitto, tmp_path: Path, short_log: Path) -> None:
    """A thin line: the agent could read the recording in a second, and must not hold it all."""
    quick = compile_plan(PROFILE, cadence_ms=1000)
    deepest = 0

    def watch(progress: Progress) -> None:
        nonlocal deepest
        deepest = max(deepest, progress.depth)

    what = wanted(short_log, tmp_path, mosquitto.port)
    narrow = msgspec.structs.replace(what.settings.uplink, in_flight=4)
    what = replace(what, settings=msgspec.structs.replace(what.settings, uplink=narrow))
    with Bridge(mosquitto.port, number_of) as bridge:
        outcome = replay(what, quick, watch, threading.Event())
        assert outcome.ended is Ended.RECEIPTED
        assert len(bridge.held) > 150
    # Twice the window, and what one slice of 1024 frames (half a minute) makes.
    assert deepest <= 8 + 40


def test_a_damaged_recording_is_named_counted_and_the_rest_is_played(
    mosquitto: Mosquitto, tmp_path: Path, plan: Plan, short_log: Path
) -> None:
    lines = short_log.read_text().splitlines(keepends=True)
    lines[100] = lines[100].replace("#", "")
    lines[5000] = "\x00\x00\x00\n"
    damaged = tmp_path / "damaged.log"
    damaged.write_text("".join(lines))
    with Bridge(mosquitto.port, number_of) as bridge:
        outcome = played(wanted(damaged, tmp_path / "state", mosquitto.port), plan)
        lifted = uploads(bridge, plan)
    assert outcome.ended is Ended.RECEIPTED
    assert outcome.progress.frames == 9_998
    assert [damage.place for damage in outcome.damage] == ["line 101", "line 5001"]
    assert sum(upload.ledger.counts.get(Count.UNREADABLE, 0) for upload in lifted) == 2


def test_a_recording_that_is_none_ends_before_anything_is_sent(tmp_path: Path, plan: Plan) -> None:
    with pytest.raises(RecordingError, match=r"absent\.log"):
        played(wanted(tmp_path / "absent.log", tmp_path, free_port()), plan)


def test_speed_paces_the_replay(mosquitto: Mosquitto, tmp_path: Path, plan: Plan, short_log: Path) -> None:
    with Bridge(mosquitto.port, number_of):
        began_s = time.monotonic()
        outcome = played(replace(wanted(short_log, tmp_path, mosquitto.port), speed=100), plan)
        took_s = time.monotonic() - began_s
    assert outcome.ended is Ended.RECEIPTED
    assert outcome.progress.at_ms / 1000 / 100 <= took_s


@pytest.mark.slow
def test_a_broker_killed_during_a_replay_costs_nothing(mosquitto: Mosquitto, tmp_path: Path) -> None:
    quick = compile_plan(PROFILE, cadence_ms=5000)
    with Bridge(mosquitto.port, number_of) as bridge:
        outcomes: list[Outcome] = []
        playing = threading.Thread(
            target=lambda: outcomes.append(played(replace(wanted(LOG, tmp_path, mosquitto.port), speed=400), quick))
        )
        playing.start()
        for _ in range(3):
            time.sleep(0.8)
            mosquitto.kill()
            time.sleep(0.2)
            mosquitto.start()
        playing.join()
        lifted = uploads(bridge, quick)
    assert [outcome.ended for outcome in outcomes] == [Ended.RECEIPTED]
    assert [upload.sequence for upload in lifted] == list(range(outcomes[0].progress.uploads))
    assert sum(upload.ledger.counts.get(Count.FRAMES, 0) for upload in lifted) == outcomes[0].progress.frames
