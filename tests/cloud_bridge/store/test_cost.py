"""What a question costs depends on what it is about, not on how long the history is; who computes locks none out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from cloud_bridge.records.fold import Stretch
from cloud_bridge.records.model import Message
from cloud_bridge.store.port.derived import Chunk, Dating, Extent, Step
from cloud_bridge.store.sqlite import dating
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.derived import SqliteDerived
from cloud_bridge.store.sqlite.pruning import SqlitePruning
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.vehicle import ANCHOR, EPOCH_MS, VIN, Boot, encode

BOOT = Boot()


@contextmanager
def steps(connection: sqlite3.Connection) -> Iterator[list[int]]:
    """How many instructions SQLite executes in the block, as the one item."""
    counted = [0]

    def step() -> int:
        counted[0] += 1
        return 0

    connection.set_progress_handler(step, 1)
    try:
        yield counted
    finally:
        connection.set_progress_handler(None, 0)


def lived(cloud: Cloud, uploads: range) -> None:
    cloud.send_manifest()
    cloud.send(*[encode(replace(BOOT.upload(number), grids=(), changes=())) for number in uploads])
    cloud.deriver.derive(VIN)


def test_dating_the_newest_anew_costs_the_same_however_long_the_boot_has_lasted(cloud: Cloud) -> None:
    costs = []
    for uploads in (range(20), range(20, 400)):
        lived(cloud, uploads)
        new = Dating([ANCHOR], [ANCHOR], [(EPOCH_MS + uploads[-1] * 10_000 + 1, None)])
        with cloud.database.write() as connection, steps(connection) as counted:
            assert list(dating.date(connection, VIN, BOOT.id[:8], new)) == [EPOCH_MS + uploads[-1] * 10_000]
        costs += counted
    assert costs[1] <= costs[0]


def test_that_nothing_is_old_is_found_without_looking_at_all_that_is_not(cloud: Cloud) -> None:
    costs = []
    for uploads in (range(20), range(20, 400)):
        lived(cloud, uploads)
        with cloud.database.snapshot(), cloud.database.read() as connection, steps(connection) as counted:
            assert SqlitePruning(cloud.database).to_prune(cloud.now_ms) == []
        costs += counted
    assert costs[1] <= costs[0]


class Watching(list[Message]):
    """Messages that can only be read while the database is free for others."""

    def __init__(self, messages: list[Message], other: Database) -> None:
        super().__init__(messages)
        self._other = other

    def __iter__(self) -> Iterator[Message]:
        with self._other.write():
            return super().__iter__()


def test_while_telemetry_is_packed_others_may_write(cloud: Cloud) -> None:
    other = Database(cloud.database.path, busy_timeout_s=0.01)
    messages = Watching([Message(EPOCH_MS, {"kinetic.speed": 1.0})], other)
    chunk = Chunk(BOOT.id, 0, Stretch(EPOCH_MS, EPOCH_MS + 1, messages), {})
    SqliteDerived(cloud.database).put_step(VIN, Extent(), Step({}, [chunk], [], []), cloud.now_ms)
    other.close()
    assert len(cloud.rows("chunk")) == 1


def test_while_a_vehicle_is_forgotten_others_may_write_after_each_step_of_which_none_is_long(cloud: Cloud) -> None:
    other = Database(cloud.database.path, busy_timeout_s=0.01)
    costs = []
    for uploads in (range(40), range(40, 400)):
        lived(cloud, uploads)
        forgetting = SqliteDerived(cloud.database).forget(VIN, b"another", at_once=10)
        with cloud.database.write() as writer:
            pass
        longest = forgotten = 0
        while len(cloud.rows("chunk")):
            with steps(writer) as counted:
                next(forgetting)
            longest = max(longest, *counted)
            forgotten += 10
            assert len(cloud.rows("chunk")) == uploads[-1] + 1 - forgotten
            with other.write():
                pass
        costs.append(longest)
    other.close()
    assert costs[1] <= costs[0]
