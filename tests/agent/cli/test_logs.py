"""What the service logs: as the journal takes it, not too much of it, and nothing that is nobody's business."""

from __future__ import annotations

import io
import logging
import os
import pty
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli.logs import BURST, INTERVAL_S, MOST_KINDS, Limit, Lines
from tests.agent.bridge import eventually
from tests.conftest import ROOT, free_port

VIN = "VR3CANL1FT0000001"


class Log:
    """A logger of its own, with a clock that is set."""

    def __init__(self, journal: bool = False) -> None:
        self.now_s = 0.0
        self.stream = io.StringIO()
        self.logger = logging.Logger("agent.part")
        self.logger.addHandler(Lines(self.stream, journal, Limit(lambda: self.now_s)))

    def lines(self) -> list[str]:
        lines = self.stream.getvalue().splitlines()
        self.stream.seek(0)
        self.stream.truncate()
        return lines


def test_a_line_has_its_level_its_text_and_its_fields() -> None:
    log = Log()
    log.logger.warning("%d uploads are pending", 3, extra={"fields": {"broker": "b:1", "why": 'no "route"'}})
    assert log.lines() == ['WARNING 3 uploads are pending from=part broker=b:1 why="no \\"route\\""']


def test_the_journal_gets_a_priority_on_each_line() -> None:
    log = Log(journal=True)
    log.logger.info("connected")
    log.logger.error("two\nlines")
    try:
        raise ValueError("why")
    except ValueError:
        log.logger.exception("failed")
    first, second, third, fourth, *trace = log.lines()
    assert (first, second, third) == ("<6>connected from=part", "<3>two from=part", "<3>lines")
    assert fourth == "<3>failed from=part"
    assert trace[-1] == "<3>ValueError: why"
    assert all(line.startswith("<3>") for line in trace)


def test_of_one_kind_a_burst_is_let_through_and_the_rest_is_said_in_one_line() -> None:
    log = Log()
    for number in range(1000):
        log.logger.warning("try %d failed", number)
    log.logger.info("another kind")
    assert log.lines() == [
        *(f"WARNING try {number} failed from=part" for number in range(BURST)),
        "INFO another kind from=part",
    ]
    log.now_s += INTERVAL_S
    log.logger.info("later")
    assert log.lines() == [
        f"WARNING {1000 - BURST} more like this in 60 s, at last: try 999 failed from=part",
        "INFO later from=part",
    ]
    log.logger.warning("try %d failed", 1000)
    assert log.lines() == ["WARNING try 1000 failed from=part"]


def test_what_is_remembered_of_kinds_is_bounded() -> None:
    limit = Limit(lambda: 0.0)
    for number in range(10 * MOST_KINDS):
        assert limit.passes(logging.LogRecord("n", logging.INFO, "", 0, f"kind {number}", None, None))
    assert len(limit._windows) == MOST_KINDS


@pytest.mark.parametrize("is_journal", [True, False])
def test_the_journal_is_known_by_the_socket_that_systemd_names(is_journal: bool) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        found = os.fstat(theirs.fileno())
        stream = f"{found.st_dev}:{found.st_ino + (not is_journal)}"
        program = "import logging; from agent.cli.logs import log_to_stderr; log_to_stderr(20); logging.warning('said')"
        environment = {**os.environ, "JOURNAL_STREAM": stream}
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, stderr=theirs.fileno(), env=environment, check=True)
        assert ours.recv(4096) == (b"<4>" if is_journal else b"WARNING ") + b"said from=root\n"


SETTINGS = """
vin = "{vin}"
profile = "{profile}"
state = "{state}"
[buses.can0]
interface = "virtual"
channel = "canlift-logs"
[gnss]
port = "{port}"
[uplink]
brokers = ["127.0.0.1:{broker}"]
user = "vehicle"
password_file = "{password}"
first_backoff = "10ms"
[health]
status_socket = "{status}"
"""
SENTENCES = (
    b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A\r\n"
    b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n"
    b"$GPGGA,123520,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*00\r\n"
)


@pytest.mark.slow
def test_neither_secrets_nor_positions_are_logged(tmp_path: Path) -> None:
    receiver, port = pty.openpty()
    password = tmp_path / "password"
    password.write_text("hunter2-secret\n")
    settings = tmp_path / "agent.toml"
    profile = ROOT / "config" / "vehicles" / "demo-car.toml"
    settings.write_text(
        SETTINGS.format(
            vin=VIN, profile=profile, state=tmp_path / "state", port=os.ttyname(port), broker=free_port(),
            password=password, status=tmp_path / "status.sock",
        )
    )  # fmt: skip
    command = [sys.executable, "-m", "agent.cli", "run", "--verbose", "--config", str(settings)]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stderr=output)
    try:
        assert eventually(lambda: (tmp_path / "status.sock").exists(), 60)
        for _ in range(20):
            os.write(receiver, SENTENCES)
        assert eventually(lambda: log.read_bytes().count(b"next try in") >= 3, 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(receiver)
        os.close(port)
    said = log.read_bytes()
    assert b"running: vehicle" in said
    for nobodys in (b"hunter2", b"4807", b"48.117", b"01131", b"11.516"):
        assert nobodys not in said
