"""Hours of vehicle time in minutes: broker, bridge and two agents as processes, and what they take meanwhile.

* One agent replays the drive, over and over, at `speed` times the pace of life: recorded time, so the uploads of hours.
* The other runs as in a vehicle, on an adapter, with the same drive at a pace that its Python driver keeps up with, and
  a profile that has it make uploads as often as the first one.

Both speak TLS with certificates that they enrolled for. A partner asks the API, and somebody the agent's status. From
time to time the broker is killed, because what leaks may leak with connections.
"""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.health.asking import NoAnswerError, ask
from agent.health.snapshot import Health
from demo.make_drive import DATABASE
from tests.beds.cloud import Box, Cloud, Here, Ports
from tests.conftest import free_port
from tests.e2e.world import FLEET, PROFILES
from tests.soak.adapter import Adapter
from tests.soak.drive import Recording, record
from tests.soak.footprint import Track, footprint, size_bytes, times_open

REPLAYED, LIVE = "VF3DEM0CARLFT2026", "VF3DEM0CARLFT2027"
LIVE_MODEL = "soak-car"
LIVE_SPEED = 10.0
EVERY_S = 1.0
ASKED_EVERY_S = 2.0
WITHIN_S = 300
QUESTIONS = ("/status", "/trips", "/lastPosition", "/telemetry?pageSize=60", "/alerts", "/status")


@dataclass(frozen=True)
class Plan:
    hours: float = 6.0
    """Of vehicle time."""
    speed: float = 50.0
    broker_restarts: int = 18

    @property
    def lasts_s(self) -> float:
        return 3600 * self.hours / self.speed


@dataclass
class Soaked:
    """What was seen."""

    plan: Plan
    recording: Recording
    tracks: dict[str, Track]
    """Of the processes, and of `storage`."""
    answers: dict[int, int] = field(default_factory=dict)
    """By status."""
    replayed: dict[str, Any] = field(default_factory=dict)
    """What the bridge counts of it at the end."""
    live: Health | None = None
    """The last that it said of itself."""


def soak(plan: Plan, folder: Path, mosquitto: str, report: Callable[[str], None] = lambda _: None) -> Soaked:
    """Raises RuntimeError where a program ended that was not to."""
    report("recording the drives …")
    recording = record(folder, plan.hours * 3600)
    tracks = {name: Track() for name in ("bridge", "replay", "run", "storage")}
    seen = Soaked(plan, recording, tracks)
    with _world(plan, folder, mosquitto, recording) as world:
        world.watch(seen, report)
    return seen


@dataclass
class _World:
    cloud: Cloud
    replayed: Box
    live: Box
    replay: subprocess.Popen[bytes]
    run: subprocess.Popen[bytes]
    folder: Path

    def watch(self, seen: Soaked, report: Callable[[str], None]) -> None:
        began_s = asked_s = time.monotonic()
        lasts_s, questions = seen.plan.lasts_s, itertools.cycle(QUESTIONS)
        parts = seen.plan.broker_restarts + 1
        restarts = [lasts_s * part / parts for part in range(1, parts)]
        report(f"{seen.plan.hours:g} hours of the vehicle's, in {lasts_s / 60:.1f} minutes …")
        while (at_s := time.monotonic() - began_s) < lasts_s and self.replay.poll() is None:
            self._sample(seen, at_s)
            if restarts and at_s >= restarts[0]:
                restarts.pop(0)
                self.cloud.kill("broker")
                self.cloud.start_broker()
            if at_s >= asked_s - began_s:
                asked_s += ASKED_EVERY_S
                self._ask(seen, next(questions))
            time.sleep(max(0.0, EVERY_S - (time.monotonic() - began_s - at_s)))
        if self.replay.wait(WITHIN_S) != 0:
            raise RuntimeError(f"the replay was not lifted as a whole:\n{self.replayed.log}")
        self.run.terminate()
        if self.run.wait(WITHIN_S) != 0:
            raise RuntimeError(f"the agent did not end in order:\n{self.live.log}")
        seen.replayed = self.cloud.stored(self.replayed)

    def _sample(self, seen: Soaked, at_s: float) -> None:
        for name, pid in (("bridge", self.cloud.pid("bridge")), ("replay", self.replay.pid), ("run", self.run.pid)):
            try:
                now = footprint(pid)
            except (OSError, KeyError) as gone:
                if name == "replay":  # It ends when it has played to the end.
                    continue
                raise RuntimeError(f"{name} ended by itself:\n{self.cloud.log('bridge')}\n{self.live.log}") from gone
            seen.tracks[name].note(at_s, rss_bytes=now.rss_bytes, files=now.files, threads=now.threads)
        journals = sum(size_bytes(box.folder / "state") for box in (self.replayed, self.live))
        uploads, database = self._database()
        log = (self.folder / "canlift.db-wal").stat().st_size
        connections = times_open(self.cloud.pid("bridge"), (self.folder / "canlift.db").resolve())
        seen.tracks["storage"].note(
            at_s,
            uploads=uploads,
            database_bytes=database,
            connections=connections,
            write_ahead_bytes=log,
            journal_bytes=journals,
        )

    def _database(self) -> tuple[int, int]:
        """Uploads in it, and bytes: what is only in the write-ahead log yet is in both."""
        with closing(sqlite3.connect(f"file:{self.folder}/canlift.db?mode=ro", uri=True)) as opened:
            opened.execute("BEGIN")
            uploads, *_ = opened.execute("SELECT coalesce(sum(uploads), 0) FROM intake").fetchone()
            pages, *_ = opened.execute("PRAGMA page_count").fetchone()
            page_bytes, *_ = opened.execute("PRAGMA page_size").fetchone()
        return uploads, pages * page_bytes

    def _ask(self, seen: Soaked, question: str) -> None:
        path, _, query = question.partition("?")
        for box in (self.replayed, self.live):
            words = dict([query.split("=")]) if query else {}
            status = self.cloud.get(f"/fleets/{FLEET}/vehicles/{box.vehicle_id}{path}", **words).status_code
            seen.answers[status] = seen.answers.get(status, 0) + 1
        try:
            seen.live = ask(self.live.folder / "status.sock")
        except NoAnswerError:
            if seen.live is not None:
                raise


@contextmanager
def _world(plan: Plan, folder: Path, mosquitto: str, recording: Recording) -> Iterator[_World]:
    profiles = folder / "vehicles"
    profiles.mkdir()
    (profiles / f"{LIVE_MODEL}.toml").write_text(_live_profile(plan.speed))
    ports = Ports(free_port(), free_port(), free_port())
    with ExitStack() as stack:
        cloud = Cloud(Here(), folder, mosquitto, ports=ports, profiles=profiles)
        stack.callback(cloud.end)
        cloud.start_broker()
        cloud.start_bridge()
        replayed = cloud.box(REPLAYED, "demo-car", cloud.place.address)
        live = cloud.box(LIVE, LIVE_MODEL, cloud.place.address)
        adapter = stack.enter_context(Adapter(LIVE_SPEED))
        with live.config.open("a") as more:
            more.write(
                f'[buses.can0]\nchannel = "{adapter.port}"\ninterface = "slcan"\nbitrate = 500000\n'
                '[health]\nstatus_socket = "status.sock"\n'
            )
        run = live.start("run")
        stack.callback(_end, run)
        words = [str(recording.log), "--nmea", str(recording.nmea), "--speed", f"{plan.speed:g}"]
        replay = replayed.start("replay", *words, "--timeout", str(WITHIN_S))
        stack.callback(_end, replay)
        yield _World(cloud, replayed, live, replay, run, folder)


def _live_profile(speed: float) -> str:
    """The demo car's, under a name of its own, which has uploads made as much more often as the replay is faster."""
    text = (PROFILES / "demo-car.toml").read_text().replace('model = "demo-car"', f'model = "{LIVE_MODEL}"')
    text = text.replace("../../dbc/demo_car.dbc", str(DATABASE))
    cadence_ms = round(60_000 / speed)
    return f'{text}\n[cadence]\ndriving = "{cadence_ms}ms"\nparked = "{cadence_ms}ms"\n'


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
