"""Any permutation, duplication and delay of a drive's uploads gives byte-identical API answers; so does a rebuild."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.upload import read_header
from tests.conftest import ROOT
from tests.e2e.bridge import Bridge
from tests.e2e.uploads import Sent, collect

pytestmark = pytest.mark.slow

DEMO = ROOT / "demo"


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


def test_half_an_hour_of_a_drive_that_comes_three_days_late_gives_the_trip_of_the_undisturbed_run(
    shared: Path, tmp_path: Path
) -> None:
    derived = shared / "data" / "derived"
    log, nmea = derived / "psa_conf_trip_a.log.gz", derived / "psa_conf_trip_a.nmea.gz"
    sent = collect(tmp_path, log, nmea, "VF30A5FWTEST00001", "peugeot-comfort-2004", 60_000)
    starts = [read_header(upload).start_ms for upload in sent.uploads]
    numbers = sorted(range(len(starts)), key=lambda number: starts[number])
    late_ones = [number for number in numbers if 5 * 60_000 <= starts[number] < 35 * 60_000]
    bridges = []
    for name in ("undisturbed", "disturbed"):
        (tmp_path / name).mkdir()
        bridges.append(Bridge(tmp_path / name, sent))
        bridges[-1].manifest()
    undisturbed, disturbed = bridges
    undisturbed.take(numbers)
    expected = undisturbed.answers()
    for number in [number for number in numbers if number not in late_ones]:
        disturbed.take([number])
    first, _ = disturbed.get("/trips").json()["_embedded"]["trips"]
    assert [fault["fault"] for fault in first["faults"]] == ["Unfinished"]
    disturbed.now_ms += 3 * 24 * 3_600_000
    for number in late_ones:
        disturbed.take([number])
        disturbed.derive()
    (late,) = disturbed.get("/trips").json()["_embedded"]["trips"]
    assert disturbed.answers() == expected
    assert late["id"] == first["id"]
    assert late["updatedAt"] > first["updatedAt"]
    assert late["faults"] == []
    for bridge in bridges:
        bridge.close()
