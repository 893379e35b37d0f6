"""A box on the bench: its disk, the line to a broker, and the stand-in for the bridge that takes what it sends."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.journal.segments import Key
from contract.upload import read_header
from tests.agent.bridge import Bridge, eventually
from tests.beds.box.machine import Box, Line
from tests.beds.box.tree import disk, done
from tests.beds.far import PLAIN_PORT, far_broker

UNIT = "canlift-agent"
SETTINGS = "/etc/canlift/agent.toml"
SHARED = "/mnt"
PATIENCE_S = 240
_ADDRESS = "192.168.77.1/24"
"""Of this side of the line; the box's is in guest/80-vec0.network."""


def number(payload: bytes) -> Key:
    header = read_header(payload)
    return Key(header.boot, header.sequence)


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

    def __post_init__(self) -> None:
        self.bridge.deaf = lambda _: self.loses_what_is_sent

    def cut_and_boot(self) -> None:
        """A power cut, and the power back."""
        self.box.cut()
        self.box = Box(self._disks, self._console, self._line)
        self.box.ready()
        self.shares()

    def shares(self) -> None:
        """The box has `shared`, until it is switched off."""
        self.box.does(f"mount -t hostfs none {SHARED} -o {self.shared}")

    def service_is_up(self) -> None:
        self.box.until(f"systemctl is-active {UNIT}", "active\n".__eq__, PATIENCE_S)

    def waiting(self) -> set[Key]:
        """What is in the journal, as it is on the disk."""
        (inventory,) = json.loads(self.box.does("canlift-agent journal --json"))
        return {
            Key(bytes.fromhex(boot["boot"]), sequence)
            for boot in inventory["boots"]
            for first, last in boot["sequences"]
            for sequence in range(first, last + 1)
        }

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
    with far_broker(folder, mosquitto_binary) as far, far.beside(lambda: Bridge(PLAIN_PORT, number)) as bridge:
        line = Line(far.namespace, "tap0")
        for words in (f"tuntap add {line.device} mode tap", f"addr add {_ADDRESS} dev {line.device}",
                      f"link set {line.device} up"):  # fmt: skip
            subprocess.run(["ip", "-n", far.namespace, *words.split()], check=True)
        shared = folder / "shared"
        shared.mkdir()
        bench = Stand(bridge, Box((image, data), console, line), shared, (image, data), console, line)
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
