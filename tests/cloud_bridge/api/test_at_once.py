"""What is short is answered in the event loop, and what has to wait in a thread that may."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cloud_bridge.access.limits import Limits
from cloud_bridge.access.secrets import Verifier, hash_secret
from cloud_bridge.store.port.derived import Extent
from cloud_bridge.store.port.registry import DAY
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.reader import SqliteReader
from cloud_bridge.threads.waiting import WaitError, at_once, before_waiting
from tests.cloud_bridge.api.memory import MemoryUses
from tests.cloud_bridge.api.test_on_sqlite import store
from tests.cloud_bridge.api.world import SECRET, VEHICLE_PATH, Api, reader
from tests.published import Published

STATUS = f"{VEHICLE_PATH}/status"
TRIPS = f"{VEHICLE_PATH}/trips"


class World:
    """A vehicle that has to be derived before the first answer; notes which threads do what."""

    def __init__(self, published: Published, folder: Path) -> None:
        database = Database(folder / "bridge.db")
        store(database, reader())
        self.derived_by: list[threading.Thread] = []
        self.looked_by: list[threading.Thread] = []
        limits = Limits(MemoryUses(), lambda: 1_709_668_800.0)
        self.api = Api(
            published, instead=SqliteReader(database, self.derive, self.derive, self.is_current), limits=limits
        )

    def derive(self, _: str) -> None:
        self.derived_by.append(threading.current_thread())

    def is_current(self, _: str, __: Extent) -> bool:
        self.looked_by.append(threading.current_thread())
        return bool(self.derived_by)

    def status(self) -> int:
        """How much its client may still ask today."""
        answer = self.api.request(STATUS)
        assert answer.status_code == 200
        return int(answer.headers["x-ratelimit-remaining-1"])


@pytest.fixture
def world(published: Published, tmp_path: Path) -> World:
    return World(published, tmp_path)


def test_a_vehicle_that_has_to_be_derived_first_is_asked_by_a_worker_and_counts_once(world: World) -> None:
    first = world.status()
    assert first == DAY - 1
    assert [thread is threading.main_thread() for thread in world.derived_by] == [False]
    assert world.status() == first - 1
    assert len(world.derived_by) == 1


def test_a_short_answer_is_made_in_the_event_loop_and_a_collection_is_not(world: World) -> None:
    world.status()
    world.looked_by.clear()
    world.status()
    assert set(world.looked_by) == {threading.main_thread()}
    world.looked_by.clear()
    assert world.api.request(TRIPS).status_code == 200
    assert world.looked_by
    assert threading.main_thread() not in world.looked_by


def test_a_secret_is_checked_where_it_may_take_its_time_and_then_known_everywhere() -> None:
    verify, stored = Verifier(), hash_secret(SECRET)
    for secret in (SECRET, "wrong"):
        with pytest.raises(WaitError), at_once:
            verify(secret, stored)
    assert verify(SECRET, stored)
    with at_once:
        assert verify(SECRET, stored)


def test_only_the_thread_that_may_not_wait_is_told_so() -> None:
    told: list[str] = []

    def wait() -> None:
        before_waiting()
        told.append("may wait")

    with at_once:
        other = threading.Thread(target=wait)
        other.start()
        other.join()
        with pytest.raises(WaitError):
            before_waiting()
    before_waiting()
    assert told == ["may wait"]
