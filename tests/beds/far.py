"""The other end of a bad link: a network of its own with a broker in it, and what of ours is to be beside it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.agent.bridge import eventually
from tests.beds.link import enter
from tests.conftest import ROOT, absent, needed

T = TypeVar("T")

PLAIN_PORT = 1883
"""Where the broker listens without TLS, on loopback there too."""


@dataclass
class Far:
    address: str
    """Of the broker, as seen from here."""
    namespace: str
    _link: subprocess.Popen[str]

    def be(self, **changes: float) -> None:
        """How the link is from now on (`tests.beds.link`)."""
        assert self._link.stdin is not None
        self._link.stdin.write(json.dumps(changes) + "\n")
        self._link.stdin.flush()

    @contextmanager
    def beside(self, make: Callable[[], AbstractContextManager[T]]) -> Iterator[T]:
        """What `make` gives, with its sockets there: they stay where the thread was that made them."""
        ready, done = threading.Event(), threading.Event()
        found: list[T] = []

        def live() -> None:
            enter(self.namespace)
            with make() as made:
                found.append(made)
                ready.set()
                done.wait()

        thread = threading.Thread(target=live, daemon=True)
        thread.start()
        try:
            assert ready.wait(20)
            yield found[0]
        finally:
            done.set()
            thread.join(20)


@contextmanager
def far_broker(folder: Path, mosquitto_binary: str, more: Callable[[str], str] = lambda _address: "") -> Iterator[Far]:
    """A broker behind a link that is good at first. `more` of its configuration, by its address; may have listeners."""
    if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
        absent("needs root and /dev/net/tun for a network of its own")
    ip, number = needed("ip", "iproute2"), os.getpid() % 250
    name, here, there = f"cl{os.getpid()}", f"100.64.{number}.1", f"100.64.{number}.2"
    config = folder / "far.conf"
    plain = "".join(f"listener {PLAIN_PORT} {address}\nallow_anonymous true\n" for address in (there, "127.0.0.1"))
    config.write_text(f"per_listener_settings true\nmax_queued_messages 0\n{plain}{more(there)}")
    with ExitStack() as stack:
        subprocess.run([ip, "netns", "add", name], check=True)
        stack.callback(subprocess.run, [ip, "netns", "delete", name], check=True)
        link = subprocess.Popen(
            [sys.executable, "-m", "tests.beds.link", name, here, there],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        stack.enter_context(link)
        stack.callback(link.kill)
        assert link.stdout is not None
        assert link.stdout.readline() == "up\n"
        broker = stack.enter_context(
            subprocess.Popen(
                [ip, "netns", "exec", name, mosquitto_binary, "-c", str(config)], stderr=subprocess.DEVNULL
            )
        )
        stack.callback(broker.kill)
        assert eventually(lambda: _listens(there))
        yield Far(there, name, link)


def _listens(address: str) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, PLAIN_PORT)) == 0
