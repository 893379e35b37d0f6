"""Vehicles that send all the time: what a bridge keeps up with, and how long what they tell is on its way.

Uploads are offered at a fixed rate, each vehicle's in order, and go the way that the bridge has for them: a writer that
commits what has come, in batches, to SQLite that survives a power cut; the thread that derives and evaluates what
monitors cover; and the one that derives the rest. There is no broker, and nobody posts what is in the outbox. Where it
cannot keep up, what comes waits, as it would at the broker; offering ends by the clock, and what was offered by then is
waited for.

An event's way is from when its upload was offered until another connection sees it in the outbox.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from bench.monitored import MANIFEST, SECONDS, payload
from cloud_bridge.evaluating.watcher import Watcher
from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.ingest.subscription import BATCH, IN_FLIGHT
from cloud_bridge.storage import Storage
from cloud_bridge.threads.working import Working
from contract import topics
from contract.manifest import encode_manifest
from contract.topics import topic

RATE = 1000
OFFERED_S = 20
FILLING = 3
"""Uploads of each vehicle before it is measured."""
LONGEST_S = 300.0
"""Until all of them are evaluated, on whatever machine."""
SWEEP_S = 1.0
LOOK_S = 0.02
_PENDING = "SELECT count(*) FROM pending WHERE waits = 0"
_DIRTY = "SELECT count(*) FROM monitored WHERE dirty_from_ms IS NOT NULL"
_EVENTS = "SELECT number, vin, at_ms FROM notification WHERE number > ? AND refresh = 0 ORDER BY number"


class Sustained(NamedTuple):
    per_s: float
    """Uploads evaluated, until none was left."""
    offered_s: float
    share: float
    """Of a core, until none was left."""
    cpu_us: float
    """For an upload."""
    backlog: int
    """Uploads not evaluated when offering ended."""
    after_s: float
    """Until they were."""
    median_s: float
    p99_s: float
    """An event's way."""
    events: int


class Run:
    def __init__(self, storage: Storage, vins: list[str], began_ms: int) -> None:
        """`began_ms`: about when it is measured; what the vehicles tell ends then."""
        self._storage = storage
        self._vins = vins
        self._rounds = RATE * OFFERED_S // len(vins)
        self._began_ms = began_ms - (FILLING + self._rounds) * SECONDS * 1000
        self._ingest = Ingest(storage.receiving, lambda: time.time_ns() // 1_000_000)
        self._queue: queue.Queue[Delivery | None] = queue.Queue(2 * IN_FLIGHT)
        self._watcher = Watcher(storage.deriver, storage.monitoring, storage.evaluator, lambda: None, self._failed)
        self._sweeper = Working(
            "derive-sweeper", self._sweep, 30.0, self._failed, first_s=30.0, complaint="not derived"
        )
        self._ended = threading.Event()
        self._has_failed = False
        self._offered_s: dict[tuple[str, int], float] = {}
        self._ways_s: list[float] = []

    def measure(self) -> Sustained:
        self._ingest.commit([Delivery(topic(vin, topics.MANIFEST), encode_manifest(MANIFEST)) for vin in self._vins])
        said = [[self._said(vin, place, number) for place, vin in enumerate(self._vins)] for number in range(self._all)]
        for number in range(FILLING):
            self._ingest.commit([delivery for _, _, delivery in said[number]])
            self._storage.deriver.derive_all(self._vins)
            self._storage.evaluator.sweep()
        threads = [threading.Thread(target=each) for each in (self._write, self._look)]
        for thread in threads:
            thread.start()
        self._watcher.start()
        self._sweeper.start()
        cpu_s, start_s = time.process_time(), time.monotonic()
        offered = self._offer([each for of_round in said[FILLING:] for each in of_round], start_s)
        offered_s = time.monotonic() - start_s
        backlog = self._left
        while self._left and not self._has_failed and time.monotonic() < start_s + LONGEST_S:
            time.sleep(LOOK_S)
        took_s, cpu_s = time.monotonic() - start_s, time.process_time() - cpu_s
        left = self._left
        time.sleep(10 * LOOK_S)
        self._ended.set()
        self._queue.put(None)
        self._watcher.stop()
        self._sweeper.stop()
        for thread in threads:
            thread.join()
        if left or self._has_failed:
            raise RuntimeError(f"{left} uploads were not evaluated in {took_s:.0f} s")
        ways_s = quantiles(self._ways_s, n=100)
        return Sustained(
            offered / took_s,
            offered_s,
            cpu_s / took_s,
            cpu_s / offered * 1e6,
            backlog,
            took_s - offered_s,
            median(self._ways_s),
            ways_s[-1],
            len(self._ways_s),
        )

    @property
    def _all(self) -> int:
        return FILLING + self._rounds

    def _said(self, vin: str, place: int, number: int) -> tuple[str, int, Delivery]:
        return vin, number, Delivery(topic(vin, topics.UP), payload(vin, place, number, self._began_ms))

    def _offer(self, said: list[tuple[str, int, Delivery]], start_s: float) -> int:
        """How many were offered."""
        for number, (vin, sequence, delivery) in enumerate(said):
            due_s = start_s + number / RATE
            now_s = time.monotonic()
            if now_s > start_s + OFFERED_S or self._has_failed:
                return number
            if due_s > now_s:
                time.sleep(due_s - now_s)
            self._offered_s[vin, sequence] = due_s
            self._queue.put(delivery)
        return len(said)

    @property
    def _left(self) -> int:
        """Uploads that are not evaluated; of a vehicle of which some are derived and not evaluated, one."""
        with self._storage.database.read() as connection:
            (pending,), (dirty,) = (connection.execute(each).fetchone() for each in (_PENDING, _DIRTY))
        return self._queue.unfinished_tasks + int(pending) + int(dirty)

    def _write(self) -> None:
        """As `cloud_bridge.ingest.subscription` does it."""
        while (first := self._queue.get()) is not None:
            batch = [first]
            while len(batch) < BATCH and not self._queue.empty():
                one = self._queue.get()
                if one is None:
                    return
                batch.append(one)
            self._watcher.came(self._ingest.commit(batch).by_vin)
            self._sweeper.wake()
            for _ in batch:
                self._queue.task_done()

    def _sweep(self) -> None:
        if self._sweeper.pause(SWEEP_S):
            self._storage.deriver.sweep()

    def _look(self) -> None:
        """Sees what is in the outbox."""
        newest = 0
        path: Path = self._storage.settings.database.path
        connection = sqlite3.connect(path)
        while not self._ended.wait(LOOK_S):
            found = connection.execute(_EVENTS, (newest,)).fetchall()
            seen_s = time.monotonic()
            newest = found[-1][0] if found else newest
            for _, vin, at_ms in found:
                offered_s = self._offered_s.get((vin, (at_ms - self._began_ms) // (SECONDS * 1000)))
                if offered_s is not None:
                    self._ways_s.append(seen_s - offered_s)
        connection.close()

    def _failed(self) -> None:
        self._has_failed = True
