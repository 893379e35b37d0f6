"""From a sleeping vehicle to the database: a real agent on a serial CAN adapter, a real broker, a real bridge."""

from __future__ import annotations

import gzip
import os
import pty
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.health.asking import NoAnswerError, ask
from agent.health.snapshot import Health
from tests.conftest import ROOT, Mosquitto
from tests.e2e.world import PROFILES, World

VIN = "VR3CANL1FT0000001"
MODEL = "demo-car"
PROMISED_S = 5
SETTINGS = """
vin = "{vin}"
profile = "{profile}"
state = "{folder}/state"
[buses.can0]
interface = "slcan"
channel = "{port}"
bitrate = 500000
[uplink]
brokers = ["127.0.0.1:{broker}"]
[health]
status_socket = "{folder}/status.sock"
"""


class Adapter:
    """A serial CAN adapter (slcan) with a drive on its bus, once it wakes."""

    def __init__(self) -> None:
        self._ours, theirs = pty.openpty()
        tty.setraw(self._ours)
        self.port = os.ttyname(theirs)
        self._theirs = theirs
        self._ended = threading.Event()
        self._talking: threading.Thread | None = None
        # What the agent writes (it sets the bit rate and opens the channel) is read, or it would wait for room.
        self._listening = threading.Thread(target=self._listen)
        self._listening.start()

    def wake(self) -> None:
        self._talking = threading.Thread(target=self._talk)
        self._talking.start()

    def close(self) -> None:
        self._ended.set()
        if self._talking is not None:
            self._talking.join()
        os.close(self._theirs)
        self._listening.join()
        os.close(self._ours)

    def _listen(self) -> None:
        try:
            while os.read(self._ours, 4096):
                continue
        except OSError:  # The other side is closed.
            return

    def _talk(self) -> None:
        began_s = time.monotonic()
        first_s: float | None = None
        with gzip.open(ROOT / "demo" / "drive.log.gz", "rt") as log:
            for line in log:
                stamp, _, frame = line.split()[:3]
                at_s = float(stamp.strip("()"))
                first_s = at_s if first_s is None else first_s
                if self._ended.wait(max(0.0, at_s - first_s - (time.monotonic() - began_s))):
                    return
                number, data = frame.split("#")
                os.write(self._ours, f"t{int(number, 16):03X}{len(data) // 2}{data}\r".encode())


def until(path: Path, wanted: Callable[[Health], bool], within_s: float) -> Health | None:
    """A snapshot of the agent that is as wanted; None when there is none in that time."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        try:
            health = ask(path)
        except NoAnswerError:
            time.sleep(0.05)
            continue
        if wanted(health):
            return health
    return None


@pytest.mark.slow
def test_what_a_waking_vehicle_says_is_in_the_database_within_five_seconds(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    profile = tmp_path / "hourly.toml"
    text = (PROFILES / f"{MODEL}.toml").read_text().replace("../../dbc", str(ROOT / "dbc"))
    profile.write_text(text + '\n[cadence]\ndriving = "1h"\ncharging = "1h"\nparked = "1h"\n')
    world = World(tmp_path, mosquitto)
    world.add_vehicle(VIN, MODEL)
    world.start_bridge()
    adapter = Adapter()
    config = tmp_path / "agent.toml"
    config.write_text(
        SETTINGS.format(vin=VIN, profile=profile, folder=tmp_path, port=adapter.port, broker=mosquitto.port)
    )
    command = [sys.executable, "-m", "agent.cli", "run", "--config", str(config)]
    with (tmp_path / "agent.log").open("wb") as log:
        agent = subprocess.Popen(command, cwd=ROOT, stderr=log)
    try:
        socket = tmp_path / "status.sock"
        asleep = until(socket, lambda health: health.uplink is not None and health.uplink.connected, 60)
        assert asleep is not None, (tmp_path / "agent.log").read_text()
        assert asleep.sampling is not None
        assert asleep.sampling.uploads == 0
        adapter.wake()
        began_s = time.monotonic()
        awake = until(socket, lambda health: health.uplink is not None and health.uplink.receipted > 0, 60)
        took_s = time.monotonic() - began_s
    finally:
        agent.terminate()
        agent.wait(60)
        adapter.close()
        world.kill_bridge()
    assert awake is not None, (tmp_path / "agent.log").read_text()
    assert took_s < PROMISED_S
