"""The programs that the demo starts: the bridge, its administration and the agent, each as it runs in the field."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from demo.interrupts import undisturbed
from demo.partner import Partner
from demo.verify import Drive

ROOT = Path(__file__).resolve().parent.parent
PROFILES = ROOT / "config" / "vehicles"
FLEET = "demo"
START_S = 60
LAST_SECONDS_S = 10


class DemoError(Exception):
    """The demo cannot go on; the text says why and what to do."""


def register(drive: Drive, folder: Path, broker_port: int, api_port: int) -> Partner:
    """A fleet with the vehicle in it, and a client that may read it. Writes the bridge's settings into `folder`."""
    (folder / "bridge.toml").write_text(
        f'[mqtt]\nport = {broker_port}\n[api]\nport = {api_port}\n[vehicles]\nprofiles = "{PROFILES}"\n'
    )
    _manage(folder, "fleet", "add", "Demo fleet", "--id", FLEET)
    vehicle = _manage(folder, "vehicle", "add", drive.vin, "--model", drive.model, "--fleet", FLEET)
    client = json.loads(_manage(folder, "client", "add", "--user", "demo", "--fleet", FLEET, "--json"))
    url = f"http://127.0.0.1:{api_port}"
    return Partner(url, client["client_id"], client["user"], client["secret"], FLEET, vehicle)


def start_bridge(partner: Partner, folder: Path, running: ExitStack) -> None:
    """Returns when it serves; it ends with `running`."""
    log_path = folder / "bridge.log"
    with log_path.open("wb") as log:
        bridge = _start(running, "cloud_bridge", "serve", "--config", str(folder / "bridge.toml"), log=log.fileno())
    deadline_s = time.monotonic() + START_S
    while bridge.poll() is None and time.monotonic() < deadline_s:
        try:
            with urllib.request.urlopen(f"{partner.url}/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise DemoError(f"the bridge did not start; it said:\n{log_path.read_text()}")


def replay(drive: Drive, folder: Path, broker_port: int, running: ExitStack) -> None:
    """The agent plays the recording, until every upload is receipted."""
    nmea = ["--nmea", str(drive.nmea)] if drive.nmea else []
    where = ["--broker", f"127.0.0.1:{broker_port}", "--state", str(folder / "vehicle")]
    words = ["replay", str(drive.log), *nmea, "--model", drive.model, "--vin", drive.vin, *where]
    if _start(running, "agent", *words).wait():
        raise DemoError("the recording was not lifted as a whole; what the agent said about it is above")


def _manage(folder: Path, *words: str) -> str:
    command = _program("cloud_bridge", *words, "--config", str(folder / "bridge.toml"))
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise DemoError(done.stderr.strip())
    return done.stdout.strip()


def _program(package: str, *words: str) -> list[str]:
    return [sys.executable, "-m", f"{package}.cli", *words]


def _start(running: ExitStack, package: str, *words: str, log: int | None = None) -> subprocess.Popen[bytes]:
    """Starts a program that ends with `running`."""
    with undisturbed():
        # In a process group of its own: a Ctrl-C is for the demo alone, which then ends its programs in order.
        process = subprocess.Popen(_program(package, *words), stdout=log, stderr=log, process_group=0)
        running.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(LAST_SECONDS_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
