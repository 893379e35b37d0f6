"""The demo as somebody runs it who has just cloned the project: it shows what is true, and leaves nothing behind."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.conftest import ROOT, free_port, needed
from tests.documents import Shown, words

DEMO = [sys.executable, "-m", "demo"]
TRUTH = json.loads((ROOT / "demo" / "drive.truth.json").read_text())


def within(folder: Path | None) -> dict[str, str]:
    """The environment of a demo whose temporary files are in this folder."""
    return {**os.environ, "TMPDIR": str(folder)} if folder else {**os.environ}


def run(*words: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*DEMO, "--port", str(free_port()), *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env=within(folder), capture_output=True, text=True, timeout=240)


def made(command: str, **replaced: object) -> list[str]:
    """A command of the README, in the environment that the tests run in, and with other values for its variables."""
    program, *typed = words(command)
    given = dict(word.split("=") for word in typed if "=" in word)
    variables = {**given, "PORT": free_port(), **replaced}
    there = [word for stamp in (".demo", ".mf4") for word in ("-o", f"{sys.prefix}/{stamp}")]
    targets = [word for word in typed if "=" not in word]
    return [program, *there, *targets, f"VENV={sys.prefix}", *(f"{name}={value}" for name, value in variables.items())]


def typed(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, env=within(folder), capture_output=True, text=True, timeout=240)


@contextmanager
def started(*words: object, folder: Path | None = None, by: list[str] = DEMO) -> Iterator[subprocess.Popen[str]]:
    """In a process group of its own, as a shell starts it, so that Ctrl-C is a signal to all of the group."""
    demo = subprocess.Popen(
        [*by, *map(str, words)],
        cwd=ROOT, env=within(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0,
    )  # fmt: skip
    try:
        yield demo
    finally:
        demo.terminate()
        demo.communicate(timeout=60)


def read_until(output: IO[str] | None, words: str) -> str:
    """What is said up to the line with `words`, that line included."""
    assert output is not None
    said = ""
    while line := output.readline():
        said += line
        if words in line:
            return said
    raise AssertionError(f"{words!r} was not said, but:\n{said}")


def answers(said: str) -> list[dict[str, Any]]:
    """The documents that are shown, in order."""
    return [json.loads(text) for text in re.findall(r"^\{$.*?^\}$", said, re.MULTILINE | re.DOTALL)]


def curl_lines(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("curl ")]


def statuses_of_the_how_to(line: str, trip: str) -> list[str]:
    """What the demo answers to the first calls that docs/api.md shows, with the names of this curl line for theirs."""
    shown = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE | re.DOTALL)[0]
    named = re.search(r"-u (\S+):(\S+) '(http.*?)/fleets/(\w+)/vehicles/(\w+)/status\?client_id=(\w+)'", line)
    assert named is not None
    user, secret, api, fleet, vehicle, client = named.groups()
    names = f"user={user} secret={secret} fleet={fleet} vehicle={vehicle} client={client} trip={trip}"
    script = f"{names}\ncurl() {{ command curl -o /dev/null -w '%{{http_code}}\\n' \"$@\"; }}\n" + re.sub(
        r"^api=.*$", f"api={api}", shown, flags=re.MULTILINE
    )
    done = subprocess.run(["bash", "-eu", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    statuses = done.stdout.split()
    assert len(statuses) == shown.count("\ncurl ")
    assert statuses[:4] == ["200"] * 4
    return statuses


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def curl() -> None:
    needed("curl", "curl")


@pytest.mark.slow
@pytest.mark.types("README.md", "See it", only="ONCE=1")
def test_once_shows_the_drive_as_it_was_and_ends_with_0(tmp_path: Path, shown: Shown) -> None:
    begun_s = time.monotonic()
    (command,) = shown
    demo = typed(made(command), tmp_path)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert time.monotonic() - begun_s < 90
    status, trip = answers(demo.stdout)
    assert status["odometer"]["mileage"] == pytest.approx(TRUTH["odometer_km"], abs=0.05)
    assert trip["distance"] == pytest.approx(TRUTH["trips"][-1]["distance_km"], abs=0.1)
    assert "✓ what is shown is what was driven" in demo.stdout
    assert len(curl_lines(demo.stdout)) == 3
    assert re.search(r"61,123 frames .* samples, \d+ uploads\n.* on the wire", demo.stderr)
    assert "every upload is receipted" in demo.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.usefixtures("curl")
@pytest.mark.types("README.md", "See it", only="^make demo$")
def test_its_curl_lines_work_until_ctrl_c_which_ends_everything(shown: Shown) -> None:
    (command,) = shown
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        started(by=made(command, PORT=taken.getsockname()[1])) as demo,
    ):
        said = read_until(demo.stdout, "serving until Ctrl-C")
        assert f"port {taken.getsockname()[1]} is not to be had (address already in use): the API listens on" in said
        lines = curl_lines(said)
        status, telemetry, way_points = (
            json.loads(subprocess.run(["bash", "-c", line], capture_output=True, check=True, timeout=60).stdout)
            for line in lines
        )
        assert status == answers(said)[0]
        assert telemetry["_embedded"]["telemetries"]
        assert len(way_points["_embedded"]["positions"]) > 5
        assert set(statuses_of_the_how_to(lines[0], answers(said)[1]["id"])) <= {"200", "404"}
        found = re.search(r"broker on port (\d+), bridge on port (\d+)", said)
        assert found is not None
        ports = [int(port) for port in found.groups()]
        assert all(listens(port) for port in ports)
        os.killpg(demo.pid, signal.SIGINT)
        last, _ = demo.communicate(timeout=60)
        assert demo.returncode == -signal.SIGINT, "make ends so, whatever its program said"
        assert last.split() == ["ended"]
        assert not any(listens(port) for port in ports)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_interrupted_while_it_plays_it_ends_at_once_without_a_traceback(number: signal.Signals, tmp_path: Path) -> None:
    with started("--port", free_port(), folder=tmp_path) as demo:
        said = read_until(demo.stdout, "drives drive.log.gz")
        os.killpg(demo.pid, number)
        last, _ = demo.communicate(timeout=60)
        assert demo.returncode == 130
        assert "Traceback" not in last
        assert "interrupted" in last
    found = re.search(r"broker on port (\d+), bridge on port (\d+)", said)
    assert found is not None
    assert not any(listens(int(port)) for port in found.groups())
    assert list(tmp_path.iterdir()) == []


def recording(log: Path, damaged: bytes) -> Path:
    """The first ten minutes of the demo's drive, with a line that is damaged."""
    lines = gzip.decompress((ROOT / "demo" / "drive.log.gz").read_bytes()).splitlines(keepends=True)[:20_000]
    lines[100] = damaged
    log.write_bytes(b"".join(lines))
    return log


@pytest.mark.slow
@pytest.mark.types("README.md", "See it", only=r"LOG=my_drive\.log  ")
def test_a_recording_of_yours_is_known_by_its_messages_and_a_damaged_line_costs_only_itself(
    tmp_path: Path, shown: Shown
) -> None:
    log = recording(tmp_path / "my [red]drive.log", damaged=b"\xff\x00 nonsense\n")
    (command,) = shown
    demo = typed(made(command, LOG=log, ONCE=1), tmp_path)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "demo-car fits best" in demo.stdout
    assert "demo-car drives my [red]drive.log" in demo.stdout
    assert "line 101" in " ".join(demo.stderr.split())
    assert len(curl_lines(demo.stdout)) == 3
    assert "/lastPosition" not in "".join(curl_lines(demo.stdout))


@pytest.mark.slow
@pytest.mark.types("README.md", "See it", only=r"LOG=my_drive\.log (MODEL|NMEA)=")
def test_a_recording_of_yours_is_of_the_model_that_is_said_and_where_its_receiver_was(
    tmp_path: Path, shown: Shown
) -> None:
    log = recording(tmp_path / "my_drive.log", damaged=b"")
    of_model, with_positions = shown
    demo = typed(made(of_model, LOG=log, MODEL="demo-car", ONCE=1), tmp_path)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "fits best" not in demo.stdout
    assert "lastPosition" not in answers(demo.stdout)[0]
    demo = typed(made(with_positions, LOG=log, NMEA="demo/drive.nmea.gz", ONCE=1), tmp_path)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "lastPosition" in answers(demo.stdout)[0]


@pytest.mark.slow
@pytest.mark.usefixtures("curl")
def test_a_model_with_neither_trips_nor_positions_gets_questions_that_have_an_answer(shared: Path) -> None:
    log = shared / "data" / "logs" / "peugeot_partner_conf_bus_static.log.gz"
    with started("--port", free_port(), "--log", log) as demo:
        said = read_until(demo.stdout, "serving until Ctrl-C")
        assert "its last trip: none yet" in said
        assert answers(said)[0]["odometer"]["mileage"] == 67660.2
        for line in curl_lines(said):
            asked = subprocess.run(["bash", "-c", f"{line} --fail"], capture_output=True, timeout=60, check=False)
            assert asked.returncode == 0, line
            assert json.loads(asked.stdout)
        os.killpg(demo.pid, signal.SIGINT)
        demo.communicate(timeout=60)
        assert demo.returncode == 0


def test_a_recording_that_is_not_there_is_said() -> None:
    demo = run("--log", "no/such.log")
    assert (demo.returncode, demo.stdout) == (1, "no/such.log: there is no such file\n")


def test_a_model_without_its_recording_is_refused() -> None:
    demo = run("--model", "alfa-giulia")
    assert demo.returncode == 1
    assert "give LOG=" in demo.stdout


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1"])
def test_a_port_that_cannot_be_is_refused(port: str) -> None:
    demo = run(f"--port={port}")
    assert demo.returncode == 2
    assert "expected a port from 1 to 65535" in demo.stderr


def test_a_recording_of_noise_fits_no_model(tmp_path: Path) -> None:
    log = tmp_path / "noise.log"
    log.write_bytes(bytes(range(256)) * 20)
    demo = run("--log", log)
    assert demo.returncode == 1
    assert f"{log}: " in demo.stdout
    assert "Traceback" not in demo.stderr


@pytest.mark.slow
def test_the_name_of_an_unknown_model_is_answered_with_the_nearest() -> None:
    demo = run("--log", "demo/drive.log.gz", "--model", "demo-cat")
    assert demo.returncode == 1
    assert "did you mean demo-car?" in demo.stdout


@pytest.mark.slow
def test_a_model_of_which_nothing_is_in_the_recording_is_not_shown_as_right() -> None:
    demo = run("--once", "--log", "demo/drive.log.gz", "--model", "alfa-giulia")
    assert demo.returncode == 1
    assert "is it the right model?" in demo.stdout
    assert not curl_lines(demo.stdout)
