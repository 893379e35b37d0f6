"""Start and rest: what the agent takes of a small box before the first frame, in memory, and while nothing happens.

Fresh processes in turn, medians: the service with a database of 1.9 MB that was read before, a journal on disk and a
TLS connection to a real broker; against the obvious implementation, which reads the database at each start. CPU is from
the start of the process to the first decoded frame; memory is the resident set once connected (and the proportional
one, which counts shared pages by their part). At rest: the whole agent, its buses silent, and how often it wakes.

The budget of CPU is in milliseconds of the machine it was made on, where loading paho-mqtt takes 43 ms more than Python
alone. That is measured in the same run, and what a start takes is told in milliseconds of that machine.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.large_database import VIN, write
from bench.measure import Measure

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 7
CPU_BUDGET_MS = 100
RSS_BUDGET_MB = 32
REST_S = 20
WAKE_UPS_BUDGET = 20
_START_S = 60
PAHO_MS = 43
"""Of the machine that the budget was made on."""


class _Start(NamedTuple):
    cpu_ms: float
    rss_mb: float
    pss_mb: float


class _Broker(NamedTuple):
    port: int
    authority: Path


def run(_: Path) -> list[Measure]:
    """Needs no recordings."""
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as name:
        folder = Path(name)
        profile = write(folder)
        with _broker(folder) as broker:
            config = _settings(folder, profile, broker)
            service = ["service", str(config)]
            obvious = ["obvious", str(folder / "large.dbc"), "localhost", str(broker.port), str(broker.authority)]
            for words in (service, obvious):  # The databases are read, and Python's own caches written.
                _start(words)
            starts: list[tuple[_Start, _Start]] = []
            loads: list[float] = []
            while len(starts) < ROUNDS:
                starts.append((_start(service), _start(obvious)))
                loads.append(_loading_ms("paho.mqtt.client") - _loading_ms("sys"))
            rest = _wake_ups(config)
    ours, theirs = ([pair[side] for pair in starts] for side in (0, 1))
    here = median(loads) / PAHO_MS
    size_mb = 1.9
    what = f"cantools, python-can, paho reading {size_mb} MB"
    cpu_ms, obvious_ms = median(each.cpu_ms for each in ours), median(each.cpu_ms for each in theirs)
    rss_mb, obvious_mb = median(each.rss_mb for each in ours), median(each.rss_mb for each in theirs)
    pss_mb, obvious_pss_mb = median(each.pss_mb for each in ours), median(each.pss_mb for each in theirs)
    return [
        Measure(
            "start: CPU to the first frame",
            cpu_ms / here,
            "ms",
            CPU_BUDGET_MS,
            True,
            f"{what}: {obvious_ms / here:.0f} ms (here {cpu_ms:.0f} and {obvious_ms:.0f} ms)",
        ),
        Measure("start: memory, RSS", rss_mb, "MB", RSS_BUDGET_MB, True, f"{what}: {obvious_mb:.1f} MB"),
        Measure("start: memory, PSS", pss_mb, "MB", None, True, f"{what}: {obvious_pss_mb:.1f} MB"),
        Measure(
            "rest: wake-ups of the agent", rest, "/s", WAKE_UPS_BUDGET, True, "python-can's Notifier: at each frame"
        ),
    ]


def _start(words: list[str]) -> _Start:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.startup_program", *words],
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        cpu_s = float(process.stdout.readline())
        assert process.stdout.readline() == "connected\n"
        memory = _memory_kb(process.pid)
        return _Start(cpu_s * 1000, memory["VmRSS"] / 1000, memory["Pss"] / 1000)
    finally:
        process.communicate(timeout=_START_S)


def _loading_ms(module: str) -> float:
    """CPU of a process that loads a module and ends."""
    code = f"import {module}, time; print(1000 * time.process_time())"
    command = [sys.executable, "-c", code]
    return float(subprocess.run(command, check=True, cwd=ROOT, env=_environment(), stdout=subprocess.PIPE).stdout)


def _wake_ups(config: Path) -> float:
    """Voluntary context switches a second of all threads of an agent that has nothing to do."""
    command = [sys.executable, "-m", "agent.cli", "run", "--config", str(config)]
    process = subprocess.Popen(command, cwd=ROOT, env=_environment(), stderr=subprocess.DEVNULL)
    try:
        time.sleep(5)
        before, began_s = _switches(process.pid), time.monotonic()
        time.sleep(REST_S)
        return (_switches(process.pid) - before) / (time.monotonic() - began_s)
    finally:
        process.terminate()
        process.wait(_START_S)


def _switches(pid: int) -> int:
    files = Path(f"/proc/{pid}/task").glob("*/status")
    return sum(_numbers(file.read_text())["voluntary_ctxt_switches"] for file in files)


def _memory_kb(pid: int) -> dict[str, int]:
    process = Path(f"/proc/{pid}")
    return _numbers((process / "status").read_text()) | _numbers((process / "smaps_rollup").read_text())


def _numbers(text: str) -> dict[str, int]:
    fields = (line.partition(":") for line in text.splitlines())
    return {name: int(value.split()[0]) for name, _, value in fields if value.split() and value.split()[0].isdigit()}


def _environment() -> dict[str, str]:
    """As installed: Python's own caches are written."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _settings(folder: Path, profile: Path, broker: _Broker) -> Path:
    config = folder / "agent.toml"
    config.write_text(
        f"vin = {json.dumps(VIN)}\nprofile = {json.dumps(str(profile))}\nstate = {json.dumps(str(folder / 'state'))}\n"
        '[buses.can0]\nchannel = "canlift-none"\n'
        f'[uplink]\nbrokers = ["localhost:{broker.port}"]\n[uplink.tls]\nca = {json.dumps(str(broker.authority))}\n'
        f"[health]\nstatus_socket = {json.dumps(str(folder / 'status.sock'))}\n"
    )
    return config


@contextmanager
def _broker(folder: Path) -> Iterator[_Broker]:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        raise FileNotFoundError("mosquitto is needed: apt-get install mosquitto")
    certificate, key = folder / "broker.pem", folder / "broker.key"
    options = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
    command = ["openssl", *options.split(), "-out", str(certificate), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    key.chmod(0o644)  # mosquitto gives up being root before it reads it.
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\ncertfile {certificate}\nkeyfile {key}\ntls_version tlsv1.3\n"
    )
    folder.chmod(0o755)
    process = subprocess.Popen([program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                raise RuntimeError("mosquitto did not start")
            time.sleep(0.02)
        yield _Broker(port, certificate)
    finally:
        process.terminate()
        process.wait(_START_S)
