"""Bytes on the wire of a drive of 41 minutes under a day of cellular weather, against the same drive over a good link.

Agent, broker and bridge are processes, with TLS and certificates; the links are of a network of their own, and count
every byte of IP that either end puts on them (`tests/beds/weather.py` says what befalls). That takes root, and
mosquitto; without them it is left out.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from pathlib import Path

from bench.measure import Measure
from tests.beds.day import Day, weathered_day

BUDGET = 1.5


def run(shared: Path) -> list[Measure]:
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if os.geteuid() != 0 or not Path("/dev/net/tun").exists() or mosquitto is None:
        print("left out: it needs root, /dev/net/tun and mosquitto")
        return []
    # Without a handler the programs that it runs here too would set up their own, and print.
    logging.getLogger().addHandler(logging.NullHandler())
    with tempfile.TemporaryDirectory(prefix="bench.") as folder:
        return measures(weathered_day(Path(folder), shared / "data", mosquitto))


def measures(day: Day) -> list[Measure]:
    calm, weathered = day.calm, day.weathered
    by_calm = weathered.carried.bytes / calm.carried.bytes
    by_payload = weathered.carried.bytes / weathered.payload_bytes
    baseline = f"{weathered.carried.bytes:,} bytes of IP, {calm.carried.bytes:,} in calm weather"
    lost = f"in calm weather {calm.carried.bytes / calm.payload_bytes:.2f}; lost on the way {weathered.carried.lost:,}"
    return [
        Measure("weather: bytes, by a calm day", by_calm, "×", BUDGET, True, baseline),
        Measure("weather: bytes, by the payload", by_payload, "×", None, True, lost),
    ]
