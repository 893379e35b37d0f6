"""Power cuts under load: the box goes on by itself, nothing that was written is lost, and how long a start takes."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterable
from statistics import median

import pytest

from tests.beds.box.stand import PATIENCE_S, UNIT, Stand, Start
from tests.beds.uml import INSIDE

pytestmark = [pytest.mark.slow, pytest.mark.skipif(INSIDE in os.environ, reason="this is the other bed")]

CUTS = int(os.environ.get("CUTS", "4"))
SHARE_S = 10
"""Of a start, how long the service itself may take: from when systemd begins with it until it says that it runs."""
LOADED_S = 0.5
"""What a box takes to load some of Python's own modules where its machine does nothing else."""


def slower(bench: Stand) -> float:
    """How many times slower the box is at present than where its machine does nothing else; 1 at least."""
    load = "python3 -c 'import asyncio, http.client, ssl, xml.dom.minidom'"
    return max(1, float(bench.box.does(f"TIMEFORMAT=%R; time {load}")) / LOADED_S)


def table(starts: Iterable[tuple[Start, float]]) -> str:
    """Seconds from the power on; the service's share; how many times slower than alone the box was then."""
    lines = ["cut   kernel    begun       up    share   upload   slower"]
    for number, (start, slowness) in enumerate(starts, 1):
        shown = (start.userspace, start.begun, start.up, start.share, start.uploaded, slowness)
        lines.append(f"{number:3}" + "".join(f"{each:9.1f}" for each in shown))
    return "\n".join(lines)


def test_after_a_power_cut_the_box_goes_on_by_itself_and_nothing_that_was_written_is_lost(bench: Stand) -> None:
    """What a journal on the disk had is in it after the cut, or with the bridge; at the end the bridge has all of it.
    Every other cut comes while what is sent gets lost, so that uploads pile up."""
    moments = random.Random(6)
    written = set()
    starts: list[tuple[Start, float]] = []
    bench.box.does("systemctl start drive")
    for cut in range(CUTS):
        bench.loses_what_is_sent = cut % 2 == 0
        time.sleep(moments.uniform(1, 6))
        waiting = bench.waiting()
        written |= waiting
        bench.cut_and_boot()
        # The vehicle does not wait for the box.
        bench.box.does("systemctl start drive")
        bench.service_is_up()
        starts.append((bench.started(), slower(bench)))
        assert waiting <= bench.waiting() | bench.bridge.held.keys()
        assert bench.box.does(f"systemctl show -p NRestarts --value {UNIT}") == "0\n"
    print(table(starts))
    assert written, "no cut met a journal with something in it"
    assert median(start.share / slowness for start, slowness in starts) < SHARE_S
    bench.loses_what_is_sent = False
    assert bench.takes(lambda bridge: written <= bridge.held.keys())
    bench.box.does("systemctl stop drive")
    bench.box.until("canlift-agent journal --json", lambda said: '"uploads": 0' in said, PATIENCE_S)
    assert bench.bridge.refused == []
