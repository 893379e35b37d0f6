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
from tests.beds.link import Carried, enter
from tests.beds.mortal import mortal
from tests.conftest import ROOT, absent, needed

T = TypeVar("T")

PLAIN_PORT = 1883
"""Where the broker listens without TLS, on loopback there too."""


@dataclass
class Far:
    address: str
    """Of the broker, as seen from here."""
    near: str
    """Our own address, as seen from there, at first."""
    namespace: str
    """The file that stands for it. It has no name, and is gone with those who are in it."""
    _link: subprocess.Popen[str]

    def be(self, **changes: object) -> Carried:
        """How the link is from now on (`tests.beds.link`); what went over so far."""
        assert self._link.stdin is not None
        assert self._link.stdout is not None
        self._link.stdin.write(json.dumps(changes) + "\n")
        self._link.stdin.flush()
        return Carried(**json.loads(self._link.stdout.readline()))

    def there(self, *words: str) -> list[str]:
        """The command that runs these words there."""
        return [needed("nsenter", "util-linux"), f"--net={self.namespace}", "--", *words]

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
            assert ready.wait(60)
            yield found[0]
        finally:
            done.set()
            thread.join(60)


@contextmanager
def far_network() -> Iterator[Far]:
    """A network behind a link that is good at first."""
    if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
        absent("needs root and /dev/net/tun for a network of its own")
    # Somebody has to be in it.
    words = mortal(needed("unshare", "util-linux"), "--net", "--", "sleep", "infinity")
    with subprocess.Popen(words) as holder:
        try:
            namespace = Path(f"/proc/{holder.pid}/ns/net")
            assert eventually(lambda: not namespace.samefile("/proc/self/ns/net"))
            with _linked(str(namespace)) as far:
                yield far
        finally:
            holder.kill()


@contextmanager
def another_link(far: Far) -> Iterator[Far]:
    """A second link to the same network, which there has another address by it."""
    with _linked(far.namespace) as twin:
        yield twin


@contextmanager
def _linked(namespace: str) -> Iterator[Far]:
    words = mortal(sys.executable, "-m", "tests.beds.link", namespace)
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as link:
        try:
            assert link.stdout is not None
            near, far = link.stdout.readline().split()
            yield Far(far, near, namespace, link)
        finally:
            link.kill()


@contextmanager
def far_broker(folder: Path, mosquitto_binary: str, more: Callable[[str], str] = lambda _address: "") -> Iterator[Far]:
    """A broker behind such a link. `more` of its configuration, by its address; may have listeners."""
    with far_network() as far, ExitStack() as stack:
        config = folder / "far.conf"
        plain = "".join(
            f"listener {PLAIN_PORT} {address}\nallow_anonymous true\n" for address in (far.address, "127.0.0.1")
        )
        # It stays the user that it is started by: the kernel would not end it with us otherwise.
        general = "user root\nper_listener_settings true\nmax_queued_messages 0\n"
        config.write_text(f"{general}{plain}{more(far.address)}")
        broker = stack.enter_context(
            subprocess.Popen(mortal(*far.there(mosquitto_binary, "-c", str(config))), stderr=subprocess.DEVNULL)
        )
        stack.callback(broker.kill)
        assert eventually(lambda: _listens(far.address))
        yield far


def _listens(address: str) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((address, PLAIN_PORT)) == 0
