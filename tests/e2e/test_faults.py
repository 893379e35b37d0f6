"""Trips with faults, from uploads under privacy to what a partner selects by their states."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.upload import Privacy
from tests.cloud_bridge.vehicle import MANIFEST_BODY, MODEL, VIN, Boot, write_profile
from tests.e2e.bridge import Bridge
from tests.e2e.uploads import Sent
from tests.published import Published

NOWHERE, START, BETWEEN, END, ALL = range(0), range(3), range(3, 5), range(5, 8), range(8)
PLACES = (NOWHERE, START, BETWEEN, END, ALL)
"""What of each of the five drives is private."""


@pytest.fixture(params=[Privacy.GEOLOCATION, Privacy.FULL])
def privacy(request: pytest.FixtureRequest) -> Privacy:
    assert isinstance(request.param, Privacy)
    return request.param


@pytest.fixture
def bridge(tmp_path: Path, privacy: Privacy) -> Iterator[Bridge]:
    boot = Boot()
    drives = [boot.private_drive(100 * number, private, privacy) for number, private in enumerate(PLACES)]
    parked = boot.payload(900, ignition=False, speed_kmh=0.0)
    uploads = tuple(upload for drive in [*drives, [parked]] for upload in drive)
    bridge = Bridge(tmp_path, Sent(VIN, MODEL, MANIFEST_BODY, uploads, write_profile(tmp_path / "vehicles")))
    bridge.manifest()
    for number in reversed(range(len(uploads))):
        bridge.take([number])
        bridge.derive()
    yield bridge
    bridge.close()


def test_trips_are_selected_by_the_place_where_data_lack(bridge: Bridge, privacy: Privacy, shared: Path) -> None:
    published = Published(shared)
    cause = {Privacy.GEOLOCATION: "GeoPrivacy", Privacy.FULL: "FullPrivacy"}[privacy]

    def faults(**query: str) -> list[list[tuple[str, str]]]:
        answer = bridge.get("/trips", **query)
        body = answer.json()
        published.assert_conforms(
            "/fleets/{fid}/vehicles/{vid}/trips", "GET", answer.status_code, body, answer.headers["content-type"]
        )
        return [[(one["fault"], one["cause"]) for one in trip["faults"]] for trip in body["_embedded"]["trips"]]

    one_place = {state: [(state, cause)] for state in ("Unstarted", "DataLacking", "Unfinished")}
    # Of a drive that was all under `Full` nobody knows.
    everywhere = [] if privacy is Privacy.FULL else [[(state, cause) for state in one_place]]
    assert faults() == [[], *one_place.values(), *everywhere]
    assert faults(states="Nominal") == [[]]
    for state, expected in one_place.items():
        assert faults(states=state) == [expected, *everywhere]
