"""`canlift-agent status`, against an agent's loop behind a real socket."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.cli import FAILED, OK, main
from tests.agent.health.loops import PARTS, VIN, at, hanging, turning
from tests.conftest import ROOT


def config(folder: Path) -> list[str]:
    file = folder / "agent.toml"
    file.write_text('[health]\nstatus_socket = "status.sock"\n')
    return ["--config", str(file)]


def shown(terminal: int) -> Iterator[bytes]:
    """What is written to a terminal until no process has it open: one that nobody reads would hold up its writer."""
    until_s = time.monotonic() + 120
    while select.select([terminal], [], [], 60)[0] and time.monotonic() < until_s:
        try:
            yield os.read(terminal, 4096)
        except OSError:  # The other side is closed.
            return
    pytest.fail("nothing was written for a minute, or it went on for two")


def answering(path: Path, said: bytes) -> threading.Thread:
    """Something that is no agent of this version answers there, once."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def answer() -> None:
        with listener, listener.accept()[0] as asking:
            asking.sendall(said)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_programs_get_the_whole_snapshot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with turning(at(tmp_path)):
        assert main(["status", "--json", *config(tmp_path)]) == OK
    said = json.loads(capsys.readouterr().out)
    assert said["vin"] == VIN
    assert said["buses"]["can0"]["dropped"] == 2
    assert said["journal"]["by_priority"] == {"event": 1, "state": 1}


def test_people_get_what_matters_and_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with turning(at(tmp_path)):
        assert main(["status", "--once", *config(tmp_path)]) == OK
    said = " ".join(capsys.readouterr().out.split())
    for text in (VIN, "demo-car", "driving", "socketcan can0", "897 frames", "2 dropped", "not open",
                 "3 times bus-off", "nothing but error frames", "fix 3D", "9 satellites", "uncertainty 300 ms",
                 "2 depth", "event 1, state 1", "4 stale", "refused system 7", "1 writes refused", "wear spent",
                 "trouble Read-only file system", "5 newer", "day 3,000 B"):  # fmt: skip
        assert text in said, text


def test_on_a_terminal_it_goes_on_until_interrupted(tmp_path: Path) -> None:
    with turning(at(tmp_path)):
        terminal, other = pty.openpty()
        command = [sys.executable, "-m", "agent.cli", "status", *config(tmp_path)]
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
        process = subprocess.Popen(command, cwd=ROOT, stdout=other, stderr=other, stdin=other, env=environment)
        os.close(other)
        said = b""
        interrupted = False
        try:
            for read in shown(terminal):
                said += read
                if not interrupted and said.count(VIN.encode()) >= 3:
                    process.send_signal(signal.SIGINT)
                    interrupted = True
            assert process.wait(60) == OK
        finally:
            process.kill()
            process.wait()
            os.close(terminal)
    assert interrupted
    assert b"Traceback" not in said


def test_without_an_agent_it_says_so_and_where_to_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--once", *config(tmp_path)]) == FAILED
    assert f"no agent runs that would answer at {tmp_path}/status.sock: `systemctl" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (b'{"format":99,"version":"9.9"}\n', "the agent that runs is canlift 9.9, this command is "),
        (b'{"format":1,"version":"0.0.9","vin":1}\n', "the agent that runs, canlift 0.0.9, is not understood"),
        (b"SSH-2.0-OpenSSH\n", "what answers there is no canlift agent"),
        (b"", "what answers there is no canlift agent"),
    ],
)
def test_another_version_or_another_program_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], said: bytes, complaint: str
) -> None:
    thread = answering(tmp_path / "status.sock", said)
    assert main(["status", "--json", *config(tmp_path)]) == FAILED
    thread.join()
    assert complaint in capsys.readouterr().err


def test_an_agent_that_hangs_is_said_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with hanging(at(tmp_path)):
        assert main(["status", "--json", *config(tmp_path)]) == FAILED
    assert "the agent's loop has not turned for 3 s" in capsys.readouterr().err


def test_every_part_has_a_place_in_the_snapshot(tmp_path: Path) -> None:
    with turning(at(tmp_path), PARTS) as reporter:
        health = reporter.snapshot()
    for name in PARTS.__struct_fields__:
        assert hasattr(health, name)
