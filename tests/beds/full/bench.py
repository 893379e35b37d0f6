"""A whole machine on the bench: on, with a line to a broker, and the stand-in for the bridge that takes what it sends.

Its service runs with the settings of the demo's car until a test gives it others.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from tests.agent.bridge import eventually
from tests.agent.remote.cloud import Cloud
from tests.beds.box.machine import line
from tests.beds.box.tree import done
from tests.beds.far import PLAIN_PORT, far_broker
from tests.beds.full.image import box_for_qemu
from tests.beds.full.machine import FullBox

UNIT = "canlift-agent"
SETTINGS = "/etc/canlift/agent.toml"
PATIENCE_S = 300
LOG = "writes.log"


C = TypeVar("C", bound=Cloud)


@dataclass
class Bench(Generic[C]):
    bridge: C
    box: FullBox
    folder: Path
    broker: str
    """As the box reaches it."""

    def put(self, path: str, content: str) -> None:
        """A file in the box."""
        encoded = base64.b64encode(content.encode()).decode()
        self.box.does(f"mkdir -p $(dirname {path}); echo {encoded} | base64 -d > {path}")

    def set(self, vin: str, profile: str, more: str) -> None:
        """The settings of the service, with `more` tables. It is restarted, and up."""
        tables = f'[buses.can0]\nchannel = "can0"\n[uplink]\nbrokers = ["{self.broker}"]\n{more}'
        self.put(SETTINGS, f'vin = "{vin}"\nprofile = "{profile}"\nstate = "/var/lib/canlift"\n{tables}')
        restarted = self.box.asked(f"systemctl restart {UNIT}", PATIENCE_S)
        assert restarted.status == 0, self.log()

    def says(self, text: str, limit_s: float = PATIENCE_S) -> None:
        """Waits until the service's log has it."""
        self.box.until(f"journalctl -b --no-pager -o cat -u {UNIT}", lambda said: text in said, limit_s)

    def says_next(self, pattern: str, cause: Callable[[], None]) -> None:
        """Waits until its log has it once more than before `cause`."""

        def count(said: str) -> int:
            return len(re.findall(pattern, said))

        before = count(self.log())
        cause()
        self.box.until(f"journalctl -b --no-pager -o cat -u {UNIT}", lambda said: count(said) > before, PATIENCE_S)

    def takes(self, holds: Callable[[C], bool]) -> None:
        """Waits for what the bridge is sent."""
        assert eventually(lambda: holds(self.bridge), PATIENCE_S), self.log()

    def log(self, unit: str = UNIT) -> str:
        return self.box.does(f"journalctl -b --no-pager -o cat -u {unit}")


@contextmanager
def bench(
    folder: Path,
    mosquitto_binary: str,
    make: Callable[[], AbstractContextManager[C]],
    *,
    serial: Sequence[str] = (),
    recorded: bool = False,
) -> Iterator[Bench[C]]:
    """`make`: the bridge; `serial`: what may be plugged in, by sockets of these names in `folder`; `recorded`: all that
    is written to the disk of the agent's state, from what is in `before.img`, is in the file `LOG`."""
    root, state, log = folder / "root.img", folder / "state.img", folder / LOG
    done(["cp", "--sparse=always", str(box_for_qemu() / "disk.img"), str(root)])
    done(["truncate", "-s", "40M", str(state)])
    done(["mkfs.ext4", "-q", "-b", "1024", "-L", "canlift", str(state)])
    if recorded:
        done(["cp", "--sparse=always", str(state), str(folder / "before.img")])
        log.write_bytes(bytes(512))
    with far_broker(folder, mosquitto_binary) as far, far.beside(make) as bridge:
        box = FullBox(root, state, folder / "console", line(far), serial=serial, log=log if recorded else None)
        try:
            box.ready()
            yield Bench(bridge, box, folder, f"{far.address}:{PLAIN_PORT}")
        finally:
            box.cut()
            root.unlink()
