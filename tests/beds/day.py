"""A drive under a day of cellular weather, beside the same drive over a link that is good: what came of both."""

from __future__ import annotations

import gzip
import json
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.beds.cloud import UPLINK, Box, Cloud
from tests.beds.far import another_link, far_network
from tests.beds.link import Carried
from tests.beds.weather import FAIR, Sky, pass_over, sky
from tests.e2e.world import FLEET

MODEL = "peugeot-comfort-2004"
CALM, WEATHERED = "VF30A5FWTEST00001", "VF30A5FWTEST00002"
LOG = Path("derived") / "psa_conf_trip_a.log.gz"
SPEED = "28"
"""41 minutes in 88 s, which the weather does not last."""
SEED = 304
"""A day whose spells that wait for a word of the agent's come first: the drive goes on then, on a slow machine too."""
WITHIN_S = 500


@dataclass
class Driven:
    """What came of the drive on one of the two boxes."""

    box: Box
    carried: Carried
    numbers: dict[str, Any]
    """What the bridge counts of it."""
    payload_bytes: int
    said: str
    """By the API, as JSON."""


@dataclass
class Day:
    calm: Driven
    weathered: Driven
    sky: Sky
    frames: int
    """In the recording."""
    sequences: list[int]
    """Of what the bridge has of the weathered one."""
    boots: int


def weathered_day(folder: Path, data: Path, mosquitto_binary: str) -> Day:
    """The same drive twice at the same time, to one bridge: over a link that is good, and under the weather."""
    log = data / LOG
    with far_network() as far, another_link(far) as calm_link:
        cloud = Cloud(far, folder, mosquitto_binary, (calm_link.address,))
        try:
            cloud.start_broker()
            cloud.start_bridge()
            calm, weathered = (
                cloud.box(vin, MODEL, link.address, **UPLINK) for vin, link in ((CALM, calm_link), (WEATHERED, far))
            )
            links = (calm_link, far)
            before = [link.be(**FAIR) for link in links]
            with sky(cloud, far, folder, lambda: weathered.log, SEED) as above:
                _drive(cloud, (calm, weathered), above, log)
            carried = [link.be().since(earlier) for link, earlier in zip(links, before, strict=True)]
            with closing(sqlite3.connect(folder / "canlift.db")) as database:
                rows = database.execute(
                    "SELECT boot, sequence FROM upload WHERE vin = ? ORDER BY boot, sequence", (WEATHERED,)
                ).fetchall()
                payload = [
                    database.execute("SELECT sum(length(payload)) FROM upload WHERE vin = ?", (vin,)).fetchone()[0]
                    for vin in (CALM, WEATHERED)
                ]
            driven = [
                Driven(box, by, cloud.stored(box), size, json.dumps(cloud.said(FLEET, box.vehicle_id)))
                for box, by, size in zip((calm, weathered), carried, payload, strict=True)
            ]
            frames = gzip.decompress(log.read_bytes()).count(b"\n")
            boots = len({boot for boot, _ in rows})
            return Day(driven[0], driven[1], above, frames, [sequence for _, sequence in rows], boots)
        finally:
            cloud.end()


def _drive(cloud: Cloud, boxes: tuple[Box, Box], above: Sky, log: Path) -> None:
    """Until both have a receipt for everything."""
    words = ["replay", str(log), "--nmea", str(log.with_name("psa_conf_trip_a.nmea.gz")), "--cadence", "10s"]
    words += ["--speed", SPEED, "--timeout", str(WITHIN_S), "--verbose"]
    agents: list[subprocess.Popen[bytes]] = []
    try:
        agents += [box.start(*words) for box in boxes]
        pass_over(above)
        for agent, box in zip(agents, boxes, strict=True):
            assert agent.wait(WITHIN_S) == 0, f"{box.log}\nthe bridge said:\n{cloud.log('bridge')}"
    finally:
        for agent in agents:
            agent.kill()
            agent.wait()
