"""Pushed down: from a signal that changes to the notification at the partner's, with what is waited for in the vehicle
and not.

Everything as processes: a car on a serial CAN adapter (slcan over a pseudo terminal), the agent, mosquitto, the bridge
with a monitor of the speed, made by its API, and a receiver of HTTPS. The car goes from 40 to 60 km/h at moments that
have nothing to do with the cadence; the time is from the write of the first frame that says so to the `created_at_ms`
of the notification in the outbox, and to its last byte at the receiver, all by the machine's clock. The cadence is 6 s,
a tenth of the shipped one, so that it takes minutes and not an hour; what is pushed does not depend on it, and without
that the time grows with it.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

import httpx

from bench.measure import Measure
from bench.push_car import FAST, SLOW, Car
from bench.push_receiver import Receiver

ROOT = Path(__file__).resolve().parent.parent
VIN = "VR3CANL1FT0000001"
FLEET = "f1"
CADENCE_S = 6
TIMES = 30
"""How often the speed passes the limit, pushed down and not."""
BUDGET_S = 1.0
_PATIENCE_S = 60.0
_SAMPLED_S = 1.2
"""Long enough for a sample of the slow car."""
_TRIGGER = {"name": "fast", "data": {"data": "vehicle.kinetic.speed", "op": "greaterThan", "value": ["50"]}}


class Notified(NamedTuple):
    """From the speed's passing the limit, in seconds."""

    written_s: float
    """To the event in the outbox."""
    received_s: float
    """To the notification at the partner's."""


def run(_: Path) -> list[Measure]:
    """Needs no recordings."""
    with chain(CADENCE_S, watch=True) as pushed:
        with_it = [pushed.notified(CADENCE_S) for _ in range(TIMES)]
    with chain(CADENCE_S, watch=False) as regular:
        without_it = [regular.notified(CADENCE_S) for _ in range(TIMES)]
    measures = []
    for place, number in (("outbox", 0), ("receiver", 1)):
        with_s, without_s = (sorted(times[number] for times in each) for each in (with_it, without_it))
        measures += [
            _measure(f"{place}, median", median, with_s, without_s),
            _measure(f"{place}, p99", _p99, with_s, without_s),
        ]
    return measures


def _measure(name: str, of: Callable[[Sequence[float]], float], with_s: list[float], without_s: list[float]) -> Measure:
    baseline = f"without, at a cadence of {CADENCE_S} s: {of(without_s):.1f} s"
    return Measure(f"push: change to {name}", of(with_s), "s", BUDGET_S, True, baseline)


def _p99(ordered: Sequence[float]) -> float:
    return ordered[min(len(ordered) - 1, round(0.99 * (len(ordered) - 1)))]


class Chain:
    """A car, its agent, a broker, a bridge with one monitor, and who is told."""

    def __init__(self, folder: Path, car: Car, partner: Receiver) -> None:
        self.car = car
        self._database = folder / "canlift.db"
        self._partner = partner
        self._random = random.Random(1)

    def notified(self, spread_s: float = 1.0) -> Notified:
        """After a while, of which `spread_s` are by chance: a whole cadence, where the event before came by it."""
        before = len(self._events())
        time.sleep(_SAMPLED_S + self._random.uniform(0, spread_s))
        began_ms = self.car.goes(FAST)
        until(lambda: len(self._events()) > before, "an event in the outbox")
        identity, written_ms = self._events()[before]
        until(lambda: self._partner.received_ms(identity) is not None, "the notification")
        self.car.goes(SLOW)
        received_ms = self._partner.received_ms(identity) or 0
        return Notified((written_ms - began_ms) / 1000, (received_ms - began_ms) / 1000)

    def _events(self) -> list[tuple[str, int]]:
        """Their ids, and when each was written."""
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT id, created_at_ms FROM notification ORDER BY number").fetchall()

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
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=build)))
        car = stack.enter_context(closing(Car()))
        partner = stack.enter_context(closing(Receiver(folder)))
        broker, api = _free_port(), _free_port()
        _write_settings(folder, car, partner, broker, api, cadence_s)
        _manage(folder, "fleet", "add", "Fleet", "--id", FLEET)
        _manage(folder, "vehicle", "add", VIN, "--model", "demo-car", "--fleet", FLEET)
        client = json.loads(_manage(folder, "client", "add", "--user", "partner", "--fleet", FLEET, "--json"))
        if watch:
            with (folder / "agent.toml").open("a") as settings:
                settings.write(_WATCH.format(key=_manage(folder, "remote", "key")))
        mosquitto = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "mosquitto"
        bridge = [sys.executable, "-m", "cloud_bridge.cli", "serve", "--config", str(folder / "bridge.toml")]
        agent = [sys.executable, "-m", "agent.cli", "run", "--config", str(folder / "agent.toml")]
        stack.enter_context(_process(folder, "broker", [mosquitto, "-c", str(folder / "mosquitto.conf")]))
        stack.enter_context(_process(folder, "bridge", bridge))
        until(lambda: _answers(api), "the bridge")
        webhook = {"target": f"https://localhost:{partner.port}/monitors", "name": "w"}
        asked = httpx.post(
            f"http://127.0.0.1:{api}/connectedcar/v3/fleets/{FLEET}/monitors",
            params={"client_id": client["client_id"]},
            auth=(client["user"], client["secret"]),
            json={
                "label": "fast",
                "subscribeParam": {"callback": {"webhook": webhook}},
                "triggerParam": {"triggers": [_TRIGGER], "boolExp": "fast"},
            },
            timeout=_PATIENCE_S,
        )
        asked.raise_for_status()
        stack.enter_context(_process(folder, "agent", agent))
        made = Chain(folder, car, partner)
        until(lambda: made.ready(watch=watch), "the vehicle")
        yield made


def until(reached: Callable[[], bool], what: str) -> None:
    """Waits for it. Raises TimeoutError."""
    until_s = time.monotonic() + _PATIENCE_S
    while not reached():
        if time.monotonic() > until_s:
            raise TimeoutError(f"{what} did not come within {_PATIENCE_S:g} s")
        time.sleep(0.01)


def _write_settings(folder: Path, car: Car, partner: Receiver, broker: int, api: int, cadence_s: int) -> None:
    vehicles = folder / "vehicles"
    vehicles.mkdir()
    text = (ROOT / "config" / "vehicles" / "demo-car.toml").read_text().replace("../../dbc", str(ROOT / "dbc"))
    text += f'\n[cadence]\ndriving = "{cadence_s}s"\ncharging = "{cadence_s}s"\nparked = "{cadence_s}s"\n'
    (vehicles / "demo-car.toml").write_text(text)
    (folder / "bridge.toml").write_text(
        f'[mqtt]\nport = {broker}\n[api]\nport = {api}\n[vehicles]\nprofiles = "vehicles"\n[clock]\ntrusted = true\n'
        f'[notifications]\nallow = ["127.0.0.0/8", "::1/128"]\nca_file = "{partner.certificate}"\n'
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
