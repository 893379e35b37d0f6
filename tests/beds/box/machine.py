"""A box that runs: a kernel of its own, systemd, and a channel to ask by; `Box` in user-mode Linux.

Killing it is the power cut: what it had written to its disk's file is there, and nothing else of it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.beds.far import Far
from tests.beds.mortal import mortal_with_all
from tests.beds.uml import kernel_words

READY_S = 240
"""A boot takes some five seconds on a machine that does nothing else."""
COMMAND_S = 120
_ADDRESS = "192.168.77.1/24"
"""Of this side of the line; the box's is in guest/80-vec0.network."""


class Answer(NamedTuple):
    status: int
    output: str


class Line(NamedTuple):
    """A TAP device in a network of its own: what the box has for a network, as `vec0`."""

    far: Far
    device: str


def line(far: Far) -> Line:
    """One that leads to a box from there."""
    made = Line(far, "tap0")
    for words in (f"tuntap add {made.device} mode tap", f"addr add {_ADDRESS} dev {made.device}",
                  f"link set {made.device} up"):  # fmt: skip
        subprocess.run(far.there("ip", *words.split()), check=True)
    return made


class BoxError(Exception):
    """The box does not do what every box does; the text has what it said last."""


class Guest:
    """`words` start its kernel, with one end of a terminal's line as the descriptor that they are given."""

    def __init__(self, words: Callable[[int], Sequence[str]], console: Path) -> None:
        """Switches it on; `console` gets what the kernel and systemd say."""
        self._console = console
        self._asked = 0
        self._heard = b""
        self._channel, theirs = socket.socketpair()
        with theirs, console.open("ab") as said:
            self._process = subprocess.Popen(
                mortal_with_all(*words(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def ready(self) -> float:
        """Waits until it can be asked. Seconds since its kernel started."""
        while "ready" not in (said := self._said(READY_S)):
            pass
        return float(said["ready"])

    def asked(self, command: str, limit_s: float = COMMAND_S) -> Answer:
        """What a shell's command in it says."""
        self._asked += 1
        question = {"number": self._asked, "command": command, "limit_s": limit_s}
        self._channel.sendall(json.dumps(question).encode() + b"\n")
        while (said := self._said(limit_s + 60)).get("number") != self._asked:
            pass
        return Answer(said["status"], said["output"])

    def does(self, command: str, limit_s: float = COMMAND_S) -> str:
        """The same of a command that must succeed."""
        answer = self.asked(command, limit_s)
        assert answer.status == 0, f"{command}: {answer.status}\n{answer.output}\n{self._last_words()}"
        return answer.output

    def until(self, command: str, holds: Callable[[str], bool], limit_s: float = COMMAND_S) -> str:
        """Asks again and again until the answer is as it should be."""
        deadline_s = time.monotonic() + limit_s
        while not holds(said := self.asked(command).output):
            assert time.monotonic() < deadline_s, f"{command} still says\n{said}"
            time.sleep(0.2)
        return said

    def cut(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._channel.close()

    def _said(self, limit_s: float) -> dict[str, Any]:
        deadline_s = time.monotonic() + limit_s
        while b"\n" not in self._heard:
            if not select.select([self._channel], [], [], max(0, deadline_s - time.monotonic()))[0]:
                raise BoxError(f"nothing is heard of the box for {limit_s:g} s\n{self._last_words()}")
            more = self._channel.recv(65_536)
            if not more:
                raise BoxError(f"the box has ended\n{self._last_words()}")
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        try:
            said = json.loads(line)
        except ValueError:
            return {}  # The terminal's own noise at its start.
        return said if isinstance(said, dict) else {}

    def _last_words(self) -> str:
        return self._console.read_bytes()[-4000:].decode(errors="replace")


class Box(Guest):
    def __init__(self, disks: Sequence[Path], console: Path, line: Line) -> None:
        """Switches it on. The first disk is its root's."""

        def words(channel: int) -> list[str]:
            boot = line.far.there(*kernel_words())
            boot += ["mem=512M", "quiet", *(f"ubd{place}={disk}" for place, disk in enumerate(disks))]
            boot += ["root=/dev/ubda", "rw"]
            boot += ["con=null", "con0=null,fd:1", f"con1=fd:{channel},fd:{channel}", "console=tty0"]
            return [*boot, f"vec0:transport=tap,ifname={line.device},depth=128"]

        super().__init__(words, console)
