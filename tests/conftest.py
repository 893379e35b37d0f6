"""Fixtures that every test may use: the recordings and specifications beside the project, and a real broker."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

from tests.documents import Shown, commands

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI") == "true"

# The machines that run this are shared and slow at times: hypothesis may take its time.
settings.register_profile("canlift", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=IN_CI)
settings.load_profile("canlift")


# A shell that runs the tests in the background has them ignore Ctrl-C, and thereby all that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


LONGEST = ("beds", "systemd", "conformance", "e2e")
"""Folders whose tests are begun first where several run at once: what takes long does not end alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        return LONGEST.index(folder) if folder in LONGEST else len(LONGEST)

    items.sort(key=place)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Recordings and specifications, kept beside the project. Absent in a user's clone: then the test is skipped, but
    in CI it fails."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        absent("needs the recordings and specifications, expected at ../shared")
    return folder


@pytest.fixture
def shown(request: pytest.FixtureRequest) -> Iterator[Shown]:
    """The commands of the documents that the test's marks `types` name; it has to type them all."""
    marks = reversed(list(request.node.iter_markers("types")))
    shown = Shown([command for mark in marks for command in commands(*mark.args, **mark.kwargs)])
    failed = request.session.testsfailed
    yield shown
    assert shown.left == [] or request.session.testsfailed > failed, f"these were not typed: {shown.left}"


_reserved: list[socket.socket] = []


def free_port() -> int:
    """A port of loopback that nobody listens on, and that nobody is given by chance until the test has ended, which may
    kill who listens there and start it again. Bound and not listened on, it refuses connections; whoever is to have it
    binds it with SO_REUSEADDR, as servers do."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _reserved.append(holder)
    port: int = holder.getsockname()[1]
    return port


@pytest.fixture(autouse=True)
def _ports_for_one_test() -> Iterator[None]:
    """What fixtures of more than one test have reserved before stays so."""
    earlier = len(_reserved)
    yield
    for holder in _reserved[earlier:]:
        holder.close()
    del _reserved[earlier:]


def pytest_unconfigure() -> None:
    """What fixtures of more than one test have reserved ends with the tests."""
    for holder in _reserved:
        holder.close()


@dataclass
class Mosquitto:
    """A real mosquitto on loopback that can be killed and started again, without persistence."""

    binary: str
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    extra: str = ""
    """More lines for its configuration."""

    def start(self) -> None:
        config = self.folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n"
            + self.extra
        )
        self.process = subprocess.Popen(
            [self.binary, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while self.process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0 and self.process.poll() is None:
                    return
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"mosquitto does not start on port {self.port}")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def absent(what: str) -> NoReturn:
    """Something that a test cannot do without is not there: the test is skipped, but in CI it fails."""
    if IN_CI:
        pytest.fail(what)
    pytest.skip(what)


def needed(program: str, package: str) -> str:
    """Where a program is that a test cannot do without. Where it is absent the test is skipped, but in CI it fails."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        absent(f"needs {program}: apt-get install {package}")
    return path


@pytest.fixture(scope="session")
def mosquitto_binary() -> str:
    return needed("mosquitto", "mosquitto")


@pytest.fixture
def mosquitto(mosquitto_binary: str, tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(mosquitto_binary, tmp_path)
    broker.start()
    yield broker
    broker.kill()
