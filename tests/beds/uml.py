"""A kernel with CAN, as an ordinary process: user-mode Linux, its root this machine's own tree.

A command runs in it as it would here, with the project's files and its virtual environment, but with `vcan0` and
`vcan1` (ready for CAN FD), SocketCAN's raw, BCM and J1939 sockets, and root's rights. Boot and end take some three
seconds. The tree is read-write: a test writes to its own `tmp_path` only, which is in the guest's memory. `/run`,
`/proc`, `/sys` and `/dev/shm` are the guest's own, and there is no network but its loopback. A system call costs a
hundred times of what it costs here: the bed tells what is right, not what is fast.

    python -m tests.beds.uml [pytest arguments]       tests/beds/can unless said otherwise
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.beds import xstate
from tests.beds.mortal import mortal_with_all
from tests.conftest import needed

ROOT = Path(__file__).resolve().parents[2]
KERNEL = "linux.uml"
PACKAGE = "user-mode-linux"
INSIDE = "CANLIFT_BED"
"""Is set in the environment of what runs in the bed."""
_INIT = Path(__file__).with_name("init.sh")
_MEMORY = "512M"
# What the kernel says at every boot.
_NOISE = (b"SELinux:", b"mmapper_init", b"Failed to initialize ubd", b"reboot:", b"random:", b"Powering off.")


class Finished(NamedTuple):
    status: int | None
    """Exit status of the command; None if it did not end in time, or the bed did not start."""
    output: str


def pytest_words(arguments: Sequence[str]) -> list[str]:
    """How the tests are run in the bed: nothing of it stays on this machine's disk."""
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--basetemp=/dev/shm/pytest", *arguments]


def kernel_words() -> list[str]:
    """What starts the kernel. Where it is absent the test is skipped, but in CI it fails."""
    return [*xstate.prefix(), needed(KERNEL, PACKAGE)]


def run(words: Sequence[str], limit_s: float) -> Finished:
    """Runs a command in the bed, in the project's folder. After `limit_s` seconds the bed is switched off."""
    with tempfile.TemporaryDirectory(prefix="bed.") as name:
        bed = Path(name)
        environment = f"export {INSIDE}=1 PYTHONDONTWRITEBYTECODE=1 CI={shlex.quote(os.environ.get('CI', ''))}"
        (bed / "command").write_text(f"cd {shlex.quote(str(ROOT))}\n{environment}\n{shlex.join(words)}\n")
        if shutil.which(KERNEL) is None:
            return Finished(None, f"{KERNEL} is not there: as root, apt-get install {PACKAGE}")
        boot = [*mortal_with_all(*kernel_words()), f"mem={_MEMORY}", "rootfstype=hostfs", "root=/dev/root", "rw"]
        log = bed / "output"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*boot, f"init={_INIT}", f"BED={bed}", "con=null", "con0=null,fd:1", "quiet"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            late = False
            try:
                process.wait(limit_s)
            except subprocess.TimeoutExpired:
                late = True
            finally:
                _end(process)
        lines = [line for line in log.read_bytes().splitlines() if not line.startswith(_NOISE)]
        text = b"\n".join(lines).decode(errors="replace").rstrip()
        status = bed / "status"
        if late:
            return Finished(None, f"{text}\nnot done within {limit_s:g} s")
        return Finished(int(status.read_text()) if status.exists() else None, text)


def _end(process: subprocess.Popen[bytes]) -> None:
    """The kernel and all that runs in it are one process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> int:
    finished = run(pytest_words(sys.argv[1:] or ["tests/beds/can"]), 900)
    print(finished.output)
    return 125 if finished.status is None else finished.status


if __name__ == "__main__":
    sys.exit(main())
