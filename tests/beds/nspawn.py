"""A Debian that systemd starts, as a container of systemd-nspawn: half a second from its start until it can be asked.

It has a network of its own with nothing in it but loopback, and the kernel of this machine: no CAN. Its tree is written
to, so it has to be one of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.beds.mortal import mortal
from tests.conftest import needed

PATIENCE_S = 300
"""What takes longest is installing: some ten seconds on a machine that does nothing else."""
# PID 1 of a container takes it as an order to power off.
_POWER_OFF = signal.SIGRTMIN + 4


class Machine:
    def __init__(self, tree: Path, leader: int) -> None:
        self.tree = tree
        self._leader = leader

    def asked(self, command: str, user: str = "root") -> subprocess.CompletedProcess[str]:
        """Of a shell that a login of this user gets; nothing of this process's environment is in it."""
        return subprocess.run(
            [*self.entering(user), "-c", command],
            capture_output=True, text=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    def entering(self, user: str = "root") -> list[str]:
        """What begins a command that gives this user a shell there."""
        inside = [needed("nsenter", "util-linux"), "-t", str(self._leader), "-a", "env", "-i", "TERM=dumb"]
        return [*inside, "/usr/sbin/runuser", "-l", user, "-s", "/bin/bash"]

    def does(self, command: str, user: str = "root") -> str:
        """What it says on standard output. Raises RuntimeError with all that it said when it fails."""
        done = self.asked(command, user)
        if done.returncode:
            raise RuntimeError(f"{command}: status {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return done.stdout

    def until(self, command: str, wanted: Callable[[str], bool], limit_s: float = PATIENCE_S) -> str:
        """Asks until the answer is a wanted one."""
        end_s = time.monotonic() + limit_s
        while True:
            done = self.asked(command)
            if wanted(done.stdout):
                return done.stdout
            if time.monotonic() > end_s:
                raise RuntimeError(f"{command}: still says {done.stdout[-4000:]}{done.stderr[-4000:]}")
            time.sleep(0.2)

    def log(self, unit: str) -> str:
        return self.does(f"journalctl -b --no-pager -o cat -u {unit}")


@contextmanager
def started(tree: Path, binds: Sequence[str] = ()) -> Iterator[Machine]:
    """The machine of a tree, until it is powered off; `binds` as systemd-nspawn's --bind-ro says them. What it says at
    its start is in a file beside the tree."""
    options = ["-q", "--register=no", "--keep-unit", "--private-network", "--console=pipe"]
    named = f"--machine=canlift-{os.getpid()}"
    words = [needed("systemd-nspawn", "systemd-container"), *options, named, *(f"--bind-ro={bind}" for bind in binds)]
    environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
    with tree.with_name(f"{tree.name}.console").open("wb") as console:
        nspawn = subprocess.Popen(
            mortal(*words, "-D", str(tree), "-b"),
            stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, env=environment,
        )  # fmt: skip
        try:
            machine = Machine(tree, _leader(nspawn))
            machine.until("systemctl is-system-running", lambda said: said.strip() in ("running", "degraded"))
            yield machine
        finally:
            _end(nspawn)


def _leader(nspawn: subprocess.Popen[bytes]) -> int:
    """The container's PID 1, as it is numbered here, once it is systemd."""
    children = Path(f"/proc/{nspawn.pid}/task/{nspawn.pid}/children")
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s and nspawn.poll() is None:
        for child in children.read_text().split():
            try:
                if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                    return int(child)
            except OSError:
                pass  # It has ended already: nspawn has helpers.
        time.sleep(0.02)
    raise RuntimeError(f"systemd does not start in the container; nspawn: {nspawn.poll()}")


def _end(nspawn: subprocess.Popen[bytes]) -> None:
    try:
        os.kill(_leader(nspawn), _POWER_OFF)
        nspawn.wait(PATIENCE_S)
    except (RuntimeError, ProcessLookupError, subprocess.TimeoutExpired):
        pass
    finally:
        nspawn.kill()
        nspawn.wait()
