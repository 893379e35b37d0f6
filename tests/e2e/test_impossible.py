"""A real drive in which sensors say what cannot be: none of it reaches an answer, and the bridge counts it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from functools import reduce
from operator import xor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.bridge import Bridge
from tests.e2e.uploads import Sent, collect

pytestmark = pytest.mark.slow

VIN = "VF30A5FWTEST00001"
START_S = 1_627_274_425
ODOMETER, MOTION = "0F6", "0B6"


def glitch(line: str) -> str:
    """A line of the recording; wrong for two seconds after ten minutes, and so on."""
    stamp, interface, frame = line.split()
    second = float(stamp[1:-1]) - START_S
    number, _, data = frame.partition("#")
    if number == ODOMETER and 600 <= second < 602:
        data = f"{data[:4]}0F423F{data[10:]}"  # 99,999.9 km
    if number == ODOMETER and 900 <= second < 902:
        data = f"{data[:4]}000000{data[10:]}"
    if number == MOTION and 1200 <= second < 1202:
        data = f"{data[:4]}FFFD{data[8:]}"  # 655.33 km/h; 655.35 would be "not available"
    return f"{stamp} {interface} {number}#{data}"


def lost(sentence: str) -> str:
    """The receiver is ten degrees further north for some seconds."""
    if not re.match(r"\$G.(RMC|GGA),0502[0-3]", sentence):
        return sentence
    body = re.sub(r",5(\d{3}\.\d+),N", r",6\1,N", sentence.strip()[1:].partition("*")[0])
    return f"${body}*{reduce(xor, body.encode()):02X}"


def rewritten(source: Path, target: Path, change: Callable[[str], str]) -> Path:
    lines = gzip.decompress(source.read_bytes()).decode("ascii").splitlines()
    target.write_bytes(gzip.compress("\n".join(map(change, lines)).encode(), 1))
    return target


@pytest.fixture(scope="module")
def right(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    derived = shared / "data" / "derived"
    folder = tmp_path_factory.mktemp("right")
    return trip(folder, derived / "psa_conf_trip_a.log.gz", derived / "psa_conf_trip_a.nmea.gz")[1]


def trip(folder: Path, log: Path, nmea: Path) -> tuple[Bridge, dict[str, Any]]:
    sent: Sent = collect(folder, log, nmea, VIN, "peugeot-comfort-2004", 60_000)
    bridge = Bridge(folder, sent)
    bridge.manifest()
    bridge.take(range(len(sent.uploads)))
    (found,) = bridge.get("/trips").json()["_embedded"]["trips"]
    return bridge, found


def test_what_sensors_say_and_cannot_be_reaches_no_answer(shared: Path, tmp_path: Path, right: dict[str, Any]) -> None:
    derived = shared / "data" / "derived"
    log = rewritten(derived / "psa_conf_trip_a.log.gz", tmp_path / "wrong.log.gz", glitch)
    nmea = rewritten(derived / "psa_conf_trip_a.nmea.gz", tmp_path / "wrong.nmea.gz", lost)
    bridge, found = trip(tmp_path, log, nmea)
    answers = bridge.answers()
    counts = bridge.storage.receiving.intake(VIN).implausible
    bridge.close()
    told = b"".join(answers.values())
    assert b"99999.9" not in told
    assert re.search(rb'"kinetic":\{"speed":\d', told)
    assert not re.search(rb'"kinetic":\{"speed":[1-9]\d\d\d*', told)
    assert not re.search(rb'"mileage":0[.,}]', told)
    assert not re.search(rb"\[1?\d\.\d+,6[56]\.", told)
    assert found["kinetic"]["maxSpeed"] == right["kinetic"]["maxSpeed"]
    assert (found["startMileage"], found["startPosition"]) == (right["startMileage"], right["startPosition"])
    assert found["distance"] == pytest.approx(right["distance"], rel=0.01)
    assert counts["odometer.mileage"] == {"jump": 1, "zero": 1}
    assert counts["kinetic.speed"]["limits"] >= 2
    assert counts["position"]["jump"] >= 40
