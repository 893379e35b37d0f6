"""`make demo`: a broker, the bridge and an agent on this machine, and what a partner then reads from the API.

Everything runs as it would in the field, each program in a process of its own; only the broker is a small one from a
Python package and the vehicle is a recording. What it makes is in build/demo and made anew each time.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.rule import Rule

from demo.broker import free_port, is_free, start_broker
from demo.partner import Partner
from demo.verify import Drive, unmet

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "demo"
PROFILES = ROOT / "config" / "vehicles"
DRIVE = ROOT / "demo" / "drive"
FLEET = "demo"
START_S = 60
LAST_SECONDS_S = 10


class DemoError(Exception):
    """The demo cannot go on; the text says why and what to do."""


def main() -> int:
    options = _parser().parse_args()
    console = Console(highlight=False)
    # Ended like Ctrl-C, so that the programs it started end with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as running:
            return _demo(options, console, running)
    except DemoError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    except KeyboardInterrupt:
        console.print()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make demo", description="See canlift work, on this machine.")
    parser.add_argument("--once", action="store_true", help="show, verify what is shown, and exit")
    parser.add_argument("--log", type=Path, help="your own recording: .log, .asc, .blf, .trc, .mf4; gzip too")
    parser.add_argument("--nmea", type=Path, help="what a GNSS receiver wrote beside it")
    parser.add_argument("--model", help="the vehicle profile that fits it")
    parser.add_argument("--port", type=int, default=8080, help="where the API listens (default: %(default)s)")
    return parser


def _demo(options: argparse.Namespace, console: Console, running: ExitStack) -> int:
    drive = _drive(options)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    broker_port = start_broker(FOLDER, running)
    api_port = options.port if is_free(options.port) else free_port()
    (FOLDER / "bridge.toml").write_text(
        f'[mqtt]\nport = {broker_port}\n[api]\nport = {api_port}\n[vehicles]\nprofiles = "{PROFILES}"\n'
    )
    partner = _register(drive, f"http://127.0.0.1:{api_port}")
    _start_bridge(partner, running)
    console.print(f"broker on port {broker_port}, bridge on port {api_port}; {drive.model} drives {drive.log.name} …")
    _replay(drive, broker_port)
    _show(partner, console)
    problems = unmet(drive, partner)
    for problem in problems:
        console.print(f"[red]✗ {problem}[/red]")
    if not problems:
        console.print("[green]✓ what is shown is what was driven[/green]" if drive.truth else "")
    _tell(partner, console)
    if options.once or problems:
        return 1 if problems else 0
    console.print("\nserving until Ctrl-C …")
    threading.Event().wait()
    return 0


def _drive(options: argparse.Namespace) -> Drive:
    if options.log is None:
        truth = json.loads(DRIVE.with_suffix(".truth.json").read_text())
        return Drive(DRIVE.with_suffix(".log.gz"), DRIVE.with_suffix(".nmea.gz"), "demo-car", truth["vin"], truth)
    if options.model is None:
        models = ", ".join(sorted(path.stem for path in PROFILES.glob("*.toml")))
        raise DemoError(f"which model is it? make demo LOG={options.log} MODEL=…, one of: {models}")
    for path in (options.log, options.nmea):
        if path is not None and not path.is_file():
            raise DemoError(f"{path}: there is no such file")
    return Drive(options.log, options.nmea, options.model, "VF3YYYYYYYYYYYYYY", None)


def _program(package: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"{package}.cli", *arguments]


def _manage(*arguments: str) -> str:
    command = _program("cloud_bridge", *arguments, "--config", str(FOLDER / "bridge.toml"))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise DemoError(done.stderr.strip())
    return done.stdout.strip()


def _register(drive: Drive, url: str) -> Partner:
    _manage("fleet", "add", "Demo fleet", "--id", FLEET)
    vehicle = _manage("vehicle", "add", drive.vin, "--model", drive.model, "--fleet", FLEET)
    client = json.loads(_manage("client", "add", "--user", "demo", "--fleet", FLEET, "--json"))
    return Partner(url, client["client_id"], client["user"], client["secret"], FLEET, vehicle)


def _start_bridge(partner: Partner, running: ExitStack) -> None:
    log_path = FOLDER / "bridge.log"
    with log_path.open("wb") as log:
        bridge = subprocess.Popen(
            _program("cloud_bridge", "serve", "--config", str(FOLDER / "bridge.toml")), cwd=ROOT, stdout=log, stderr=log
        )
    running.callback(_end, bridge)
    deadline = time.monotonic() + START_S
    while bridge.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{partner.url}/health", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise DemoError(f"the bridge did not start; it said:\n{log_path.read_text()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(LAST_SECONDS_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _replay(drive: Drive, broker_port: int) -> None:
    nmea = ["--nmea", str(drive.nmea)] if drive.nmea else []
    where = ["--broker", f"127.0.0.1:{broker_port}", "--state", str(FOLDER / "vehicle")]
    agent = subprocess.run(
        _program("agent", "replay", str(drive.log), *nmea, "--model", drive.model, "--vin", drive.vin, *where)
    )
    if agent.returncode:
        raise DemoError("the agent did not get every upload receipted; what it said is above")


def _show(partner: Partner, console: Console) -> None:
    for title, path in (("the vehicle's status", "/status"), ("its last trip", partner.last_trip_path())):
        console.print(Rule(f"{title}: GET {partner.vehicle_path}{path}" if path else f"{title}: none yet"))
        if path:
            console.print_json(partner.get(path).text)


def _tell(partner: Partner, console: Console) -> None:
    console.print(Rule("ask it yourself"))
    console.print(f"API {partner.api}, documentation {partner.api}/docs\n")
    for line in partner.curl_lines():
        console.print(line, soft_wrap=True, markup=False)


if __name__ == "__main__":
    sys.exit(main())
