"""What systemd hears, on a real socket of its kind."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.health.notify import Notifier
from agent.health.watchdog import Watchdog


@dataclass
class Systemd:
    """The other end of NOTIFY_SOCKET."""

    address: str
    socket: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))

    def __post_init__(self) -> None:
        self.socket.setblocking(False)
        self.socket.bind("\0" + self.address[1:] if self.address.startswith("@") else self.address)

    def heard(self) -> list[dict[str, str]]:
        messages: list[dict[str, str]] = []
        while True:
            try:
                text = self.socket.recv(4096).decode()
            except BlockingIOError:
                return messages
            messages.append(dict(line.split("=", 1) for line in text.splitlines()))

    def environment(self, **more: str) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.address, **more}


@pytest.fixture(params=["path", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    name = str(tmp_path / "notify") if request.param == "path" else f"@canlift-{secrets.token_hex(8)}"
    other = Systemd(name)
    yield other
    other.socket.close()


class Loop:
    """The agent's loop, as far as the watchdog sees it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.now_s = 100.0
        self.sampled_ms = 0
        self.uplink_alive = True
        self.watchdog = Watchdog(Notifier(environment), lambda: self.now_s)

    def turn(self, after_s: float = 0.25, sampled_ms: int | None = None) -> None:
        self.now_s += after_s
        self.sampled_ms += round(after_s * 1000) if sampled_ms is None else sampled_ms
        self.watchdog.turned(self.sampled_ms, self.uplink_alive, lambda: "parked\n3 pending")


def test_the_first_turn_is_readiness_and_stopping_is_said(systemd: Systemd) -> None:
    loop = Loop(systemd.environment())
    assert systemd.heard() == []
    loop.turn()
    assert systemd.heard() == [{"READY": "1", "STATUS": "parked 3 pending"}]
    loop.watchdog.stopping()
    assert systemd.heard() == [{"STOPPING": "1"}]


def test_a_loop_that_turns_is_known_to_live_twice_in_the_time_allowed(systemd: Systemd) -> None:
    loop = Loop(systemd.environment(WATCHDOG_USEC="10000000", WATCHDOG_PID=str(os.getpid())))
    heard = []
    for _ in range(4 * 60 + 1):  # For a minute.
        loop.turn()
        heard += systemd.heard()
    assert [message.get("WATCHDOG") for message in heard] == [None] + ["1"] * 12


def test_a_loop_that_hangs_is_not(systemd: Systemd) -> None:
    loop = Loop(systemd.environment(WATCHDOG_USEC="10000000"))
    loop.turn()
    systemd.heard()
    loop.now_s += 1000
    assert systemd.heard() == []


def test_nor_one_that_turns_without_sampling(systemd: Systemd) -> None:
    loop = Loop(systemd.environment(WATCHDOG_USEC="10000000"))
    loop.turn()
    systemd.heard()
    for _ in range(100):
        loop.turn(sampled_ms=0)
    assert systemd.heard() == []
    loop.turn()
    assert [message.get("WATCHDOG") for message in systemd.heard()] == ["1"]


def test_nor_one_whose_uplink_has_died(systemd: Systemd) -> None:
    loop = Loop(systemd.environment(WATCHDOG_USEC="10000000"))
    loop.turn()
    loop.uplink_alive = False
    systemd.heard()
    for _ in range(100):
        loop.turn()
    assert systemd.heard() == []


def test_without_a_watchdog_the_status_is_said_all_the_same(systemd: Systemd) -> None:
    loop = Loop(systemd.environment(WATCHDOG_USEC="10000000", WATCHDOG_PID="1"))
    for _ in range(4 * 30 + 1):
        loop.turn()
    assert len(systemd.heard()) == 4


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/nowhere/notify"}, {"WATCHDOG_USEC": "soon"}])
def test_without_systemd_nothing_is_said_and_nothing_fails(environment: dict[str, str]) -> None:
    loop = Loop(environment)
    for _ in range(100):
        loop.turn()
    loop.watchdog.stopping()


def test_a_supervisor_that_does_not_listen_does_not_hold_the_loop_up(tmp_path: Path) -> None:
    other = Systemd(str(tmp_path / "notify"))
    loop = Loop(other.environment(WATCHDOG_USEC="2"))
    for _ in range(3000):
        loop.turn()
    assert 1 < len(other.heard()) < 3000
    other.socket.close()
