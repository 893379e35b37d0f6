"""Pushed down: from a signal that changes to the event in the outbox, with what is waited for in the vehicle and not.

Everything as processes: a car on a serial CAN adapter (slcan over a pseudo terminal), the agent, mosquitto, the bridge
with a monitor of the speed, made by its API. The car goes from 40 to 60 km/h at moments that have nothing to do with
the cadence; the time is from the write of the first frame that says so to the `created_at_ms` of the notification, both
by the machine's clock. The cadence is 6 s, a tenth of the shipped one, so that it takes minutes and not an hour; what
is pushed does not depend on it, and without that the time grows with it.
"""

from __future__ import annotations

import json
import os
import pty
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from statistics import median

import cantools
import httpx

from bench.measure import Measure

ROOT = Path(__file__).resolve().parent.parent
VIN = "VR3CANL1FT0000001"
FLEET = "f1"
CADENCE_S = 6
PUSHED, REGULAR = 30, 10
"""How often the speed passes the limit."""
BUDGET_S = 1.0
_PATIENCE_S = 60.0
_SLOW, _FAST = 40.0, 60.0
_MONITOR = {
    "label": "fast",
    "subscribeParam": {"callback": {"webhook": {"target": "https://partner.example.com/monitors", "name": "w"}}},
    "triggerParam": {
        "triggers": [{"name": "fast", "data": {"data": "vehicle.kinetic.speed", "op": "greaterThan", "value": ["50"]}}],
        "boolExp": "fast",
    },
}


def run(_: Path) -> list[Measure]:
    """Needs no recordings."""
    with chain(CADENCE_S, watch=True) as pushed:
        with_s = sorted(pushed.notified_s() for _ in range(PUSHED))
    with chain(CADENCE_S, watch=False) as regular:
        without_s = sorted(regular.notified_s() for _ in range(REGULAR))
    return [
        _measure("median", median, with_s, without_s),
        _measure("p99", _p99, with_s, without_s),
    ]


def _measure(name: str, of: Callable[[Sequence[float]], float], with_s: list[float], without_s: list[float]) -> Measure:
    baseline = f"without, at a cadence of {CADENCE_S} s: {of(without_s):.1f} s"
    return Measure(f"push: change to outbox, {name}", of(with_s), "s", BUDGET_S, True, baseline)


def _p99(ordered: Sequence[float]) -> float:
    return ordered[min(len(ordered) - 1, round(0.99 * (len(ordered) - 1)))]


class Car:
    """A car on a serial adapter, which says twenty times a second that it is awake and how fast it is."""

    def __init__(self) -> None:
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._ours)
        self.port = os.ttyname(self._theirs)
        database = cantools.database.can.Database()
        database.add_dbc_file(ROOT / "dbc" / "demo_car.dbc")
        self._messages = {name: database.get_message_by_name(name) for name in ("VehicleState", "Motion")}
        self._kmh = _SLOW
        self._said_ms: dict[float, int] = {}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=each) for each in (self._talk, self._listen)]
        for thread in self._threads:
            thread.start()

    def goes(self, kmh: float) -> int:
        """It has another speed; when it first said so, in milliseconds of Unix time."""
        self._said_ms.clear()
        self._kmh = kmh
        until(lambda: kmh in self._said_ms, "the car")
        return self._said_ms[kmh]

    def close(self) -> None:
        self._stop.set()
        self._threads[0].join()
        os.close(self._theirs)
        self._threads[1].join()
        os.close(self._ours)

    def _talk(self) -> None:
        while not self._stop.wait(0.05):
            kmh = self._kmh
            for name, said in (("VehicleState", {"NetworkState": "Awake"}), ("Motion", {"VehicleSpeed": kmh})):
                message = self._messages[name]
                zeros = {signal.name: signal.minimum or 0 for signal in message.signals}
                data = message.encode({**zeros, **said}, strict=False)
                if name == "Motion":
                    self._said_ms.setdefault(kmh, _now_ms())
                os.write(self._ours, f"t{message.frame_id:03X}{len(data)}{data.hex()}\r".encode())

    def _listen(self) -> None:
        # What the agent writes (it sets the bit rate and opens the channel) is read, or it would wait for room.
        with suppress(OSError):
            while os.read(self._ours, 4096):
                continue


class Chain:
    """A car, its agent, a broker and a bridge with one monitor."""

    def __init__(self, folder: Path, car: Car) -> None:
        self.car = car
        self._database = folder / "canlift.db"
        self._random = random.Random(1)

    def notified_s(self) -> float:
        """From the speed's passing the limit to the event."""
        before = self._events()
        # Long enough for a sample of the slow car, and no part of the cadence.
        time.sleep(self._random.uniform(1.2, 2.2))
        began_ms = self.car.goes(_FAST)
        until(lambda: len(self._events()) > len(before), "an event in the outbox")
        self.car.goes(_SLOW)
        return (self._events()[-1] - began_ms) / 1000

    def _events(self) -> list[int]:
        """When each was written."""
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            rows = connection.execute("SELECT created_at_ms FROM notification ORDER BY number")
            return [created_at_ms for (created_at_ms,) in rows]

    def ready(self, *, watch: bool) -> bool:
        """Whether the vehicle was heard, and watches what it is to watch."""
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            (heard,) = connection.execute("SELECT count(*) FROM upload").fetchone()
            (watching,) = connection.execute("SELECT count(*) FROM watch_list WHERE skipped IS NOT NULL").fetchone()
        return heard > 0 and (watching > 0 or not watch)


@contextmanager
def chain(cadence_s: int, *, watch: bool) -> Iterator[Chain]:
    """Everything is up, and the car is slow. `watch`: whether the vehicle may be asked what to watch."""
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as name, _car() as car:
        folder = Path(name)
        broker, api = _free_port(), _free_port()
        _write_settings(folder, car, broker, api, cadence_s)
        _manage(folder, "fleet", "add", "Fleet", "--id", FLEET)
        _manage(folder, "vehicle", "add", VIN, "--model", "demo-car", "--fleet", FLEET)
        client = json.loads(_manage(folder, "client", "add", "--user", "partner", "--fleet", FLEET, "--json"))
        if watch:
            with (folder / "agent.toml").open("a") as settings:
                settings.write(_WATCH.format(key=_manage(folder, "remote", "key")))
        mosquitto = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "mosquitto"
        bridge = [sys.executable, "-m", "cloud_bridge.cli", "serve", "--config", str(folder / "bridge.toml")]
        agent = [sys.executable, "-m", "agent.cli", "run", "--config", str(folder / "agent.toml")]
        with (
            _process(folder, "broker", [mosquitto, "-c", str(folder / "mosquitto.conf")]),
            _process(folder, "bridge", bridge),
        ):
            until(lambda: _answers(api), "the bridge")
            asked = httpx.post(
                f"http://127.0.0.1:{api}/connectedcar/v3/fleets/{FLEET}/monitors",
                params={"client_id": client["client_id"]},
                auth=(client["user"], client["secret"]),
                json=_MONITOR,
                timeout=_PATIENCE_S,
            )
            asked.raise_for_status()
            with _process(folder, "agent", agent):
                made = Chain(folder, car)
                until(lambda: made.ready(watch=watch), "the vehicle")
                yield made


def until(reached: Callable[[], bool], what: str) -> None:
    """Waits for it. Raises TimeoutError."""
    until_s = time.monotonic() + _PATIENCE_S
    while not reached():
        if time.monotonic() > until_s:
            raise TimeoutError(f"{what} did not come within {_PATIENCE_S:g} s")
        time.sleep(0.01)


def _write_settings(folder: Path, car: Car, broker: int, api: int, cadence_s: int) -> None:
    vehicles = folder / "vehicles"
    vehicles.mkdir()
    text = (ROOT / "config" / "vehicles" / "demo-car.toml").read_text().replace("../../dbc", str(ROOT / "dbc"))
    text += f'\n[cadence]\ndriving = "{cadence_s}s"\ncharging = "{cadence_s}s"\nparked = "{cadence_s}s"\n'
    (vehicles / "demo-car.toml").write_text(text)
    (folder / "bridge.toml").write_text(
        f'[mqtt]\nport = {broker}\n[api]\nport = {api}\n[vehicles]\nprofiles = "vehicles"\n[clock]\ntrusted = true\n'
    )
    (folder / "mosquitto.conf").write_text(f"listener {broker} 127.0.0.1\nallow_anonymous true\npersistence false\n")
    (folder / "agent.toml").write_text(
        f'vin = "{VIN}"\nprofile = "{vehicles}/demo-car.toml"\nstate = "{folder}/state"\n'
        f'[buses.can0]\ninterface = "slcan"\nchannel = "{car.port}"\nbitrate = 500000\n'
        f'[uplink]\nbrokers = ["127.0.0.1:{broker}"]\n[commands]\n'
    )


_WATCH = 'watch = true\nkeys = ["{key}"]\nwatch_an_hour = 3600\nwatch_an_hour_in_all = 3600\n'


def _manage(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "cloud_bridge.cli", *words, "--config", str(folder / "bridge.toml")]
    return subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout.strip()


def _answers(api: int) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"http://127.0.0.1:{api}/health", timeout=5).is_success
    return False


@contextmanager
def _car() -> Iterator[Car]:
    car = Car()
    try:
        yield car
    finally:
        car.close()


@contextmanager
def _process(folder: Path, name: str, words: list[str]) -> Iterator[None]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
