"""A box on the bench: its disk, the line to a broker, and the stand-in for the bridge that takes what it sends."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from agent.journal.segments import Key
from tests.agent.bridge import Bridge, eventually, number_of
from tests.beds.box.machine import Box, Line, line
from tests.beds.box.tree import disk, done
from tests.beds.far import PLAIN_PORT, far_broker

UNIT = "canlift-agent"
SETTINGS = "/etc/canlift/agent.toml"
SHARED = "/mnt"
PATIENCE_S = 240


class Start(NamedTuple):
    """How long it takes from the power on, in seconds."""

    userspace: float
    """The kernel has started the first process."""
    begun: float
    """systemd starts the service."""
    up: float
    """The service has said that it runs."""
    uploaded: float
    """The bridge has been sent something."""

    @property
    def share(self) -> float:
        """Of the service."""
        return self.up - self.begun


@dataclass
class Stand:
    bridge: Bridge
    box: Box
    shared: Path
    """A folder of this machine that the box has as `SHARED`."""
    _disks: Sequence[Path]
    _console: Path
    _line: Line

    loses_what_is_sent: bool = False
    """Between the broker and the bridge."""

    _powered_s: float = 0
    _came: int = 0
    """Uploads that were sent before the power came back."""

    def __post_init__(self) -> None:
        self.bridge.deaf = lambda _: self.loses_what_is_sent

    def cut_and_boot(self, *, data: bool = True) -> None:
        """A power cut, and the power back; without the disk beside that of the root where there is no `data`."""
        self.box.cut()
        self._powered_s = time.monotonic()
        self.box = Box(self._disks if data else self._disks[:1], self._console, self._line)
        self.box.ready()
        self._came = self.bridge.arrivals.total()
        self.shares()

    def shares(self) -> None:
        """The box has `shared`, until it is switched off."""
        self.box.does(f"mount -t hostfs none {SHARED} -o {self.shared}")

    def plugs_data_in(self) -> None:
        """The disk that was not there at the start comes."""
        os.link(self._disks[1], self.shared / "data.img")
        self.box.does(f"modprobe loop; losetup /dev/loop0 {SHARED}/data.img")

    def service_is_up(self) -> None:
        self.box.until(f"systemctl is-active {UNIT}", "active\n".__eq__, PATIENCE_S)

    def started(self) -> Start:
        """How the last start went. The bus has to say something for an upload to come."""
        assert self.takes(lambda bridge: bridge.arrivals.total() > self._came)
        uploaded_s = time.monotonic() - self._powered_s
        asked = f"systemctl show -p UserspaceTimestampMonotonic; systemctl show {UNIT}"
        said = dict(line.split("=", 1) for line in self.box.does(asked).splitlines())

        def after_s(stamp: str) -> float:
            return int(said[f"{stamp}TimestampMonotonic"]) / 1_000_000

        return Start(after_s("Userspace"), after_s("InactiveExit"), after_s("ActiveEnter"), uploaded_s)

    def waiting(self) -> set[Key]:
        """What is in the journal, as it is on the disk."""
        (inventory,) = json.loads(self.box.does("canlift-agent journal --json"))
        return {
            Key(bytes.fromhex(boot["boot"]), sequence)
            for boot in inventory["boots"]
            for first, last in boot["sequences"]
            for sequence in range(first, last + 1)
        }

    def boot(self) -> bytes:
        """Of the service that runs, or ran last."""
        return bytes.fromhex(re.findall(r"running: vehicle .*, boot ([0-9a-f]{32})", self.log())[-1])

    def hears(self) -> None:
        """Frames are played, and what is made of them arrives."""
        before = len(self.bridge.held)
        self.box.does("systemctl restart drive")
        assert self.takes(lambda bridge: len(bridge.held) > before), self.log()
        self.box.does("systemctl stop drive")

    def settles(self) -> None:
        """Every upload is with the bridge, and the service is off."""
        self.box.does(f"systemctl stop {UNIT}")
        while self.waiting():
            self.box.does(f"systemctl start {UNIT}")
            self.box.until("canlift-agent journal --json", lambda said: '"uploads": 0' in said, PATIENCE_S)
            self.box.does(f"systemctl stop {UNIT}")

    def puts(self, path: str, text: str) -> None:
        """Writes a file of the box, whose owner and rights stay what they are."""
        (self.shared / "put").write_text(text)
        self.box.does(f"cat {SHARED}/put > {path}")

    def takes(self, holds: Callable[[Bridge], bool]) -> bool:
        """Waits for what the bridge is sent."""
        return eventually(lambda: holds(self.bridge), PATIENCE_S)

    def log(self, unit: str = UNIT) -> str:
        return self.box.does(f"journalctl -b --no-pager -o cat -u {unit}")


@contextmanager
def stand(folder: Path, mosquitto_binary: str) -> Iterator[Stand]:
    """A box that is on, its service up, nothing on its bus yet; and a disk beside that of its root, not mounted."""
    image, data, console = folder / "disk.img", folder / "data.img", folder / "console"
    done(["cp", "--sparse=always", str(disk()), str(image)])
    done(["truncate", "-s", "64M", str(data)])
    done(["mkfs.ext4", "-q", "-b", "1024", "-L", "canlift", str(data)])
    with far_broker(folder, mosquitto_binary) as far, far.beside(lambda: Bridge(PLAIN_PORT, number_of)) as bridge:
        to_the_box = line(far)
        shared = folder / "shared"
        shared.mkdir()
        bench = Stand(bridge, Box((image, data), console, to_the_box), shared, (image, data), console, to_the_box)
        try:
            bench.box.ready()
            bench.box.does(f"sed -i 's/127.0.0.1:1883/{far.address}:{PLAIN_PORT}/' /etc/canlift/agent.toml; sync")
            bench.box.does(f"systemctl restart {UNIT}")
            bench.service_is_up()
            bench.shares()
            yield bench
        finally:
            bench.box.cut()
            image.unlink()
