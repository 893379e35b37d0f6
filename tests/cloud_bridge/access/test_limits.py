"""A client gets what it may ask for, on a real database: across restarts, threads and processes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from cloud_bridge.access.limits import MOST_CLIENTS, Limits
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.registry import Client
from cloud_bridge.store.sqlite.uses import SqliteUses
from tests.cloud_bridge.conftest import FLEET, Cloud

DAY_S = 86_400
CLIENT = Client("c1", "partner", "…", (FLEET.id,), day=5, burst=1000)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def uses(cloud: Cloud) -> SqliteUses:
    cloud.registry.add_client(CLIENT, 1)
    return SqliteUses(cloud.database)


def admitted(limits: Limits, times: int, client: Client = CLIENT) -> int:
    return sum(not limits.admit(client).wait_s for _ in range(times))


def requests_in(cloud: Cloud) -> int:
    with cloud.database.read() as connection:
        (total,) = connection.execute("SELECT sum(requests) FROM client_use").fetchone()
        return int(total)


def test_a_day_has_as_many_requests_as_it_may_and_says_when_the_next_has_room(uses: SqliteUses, clock: Clock) -> None:
    limits = Limits(uses, clock)
    assert [limits.admit(CLIENT).day_left for _ in range(5)] == [4, 3, 2, 1, 0]
    clock.now_s += 3600
    refused = limits.admit(CLIENT)
    assert (refused.day, refused.day_left) == (5, 0)
    assert DAY_S - 3600 <= refused.wait_s <= DAY_S - 3600 + 60
    clock.now_s += refused.wait_s - 1
    assert limits.admit(CLIENT).wait_s == 1
    clock.now_s += 1
    assert limits.admit(CLIENT).day_left == 4


def test_a_second_has_as_many_requests_as_it_may(uses: SqliteUses, clock: Clock) -> None:
    limits, client = Limits(uses, clock), replace(CLIENT, day=1000, burst=3)
    assert [limits.admit(client).burst_left for _ in range(3)] == [2, 1, 0]
    refused = limits.admit(client)
    assert (refused.burst, refused.burst_left, refused.day_left) == (3, 0, 997)
    assert refused.wait_s in (1, 2)
    clock.now_s += 0.5
    assert admitted(limits, 5, client) == 0
    clock.now_s += 0.51
    assert admitted(limits, 5, client) == 3


def test_a_restart_hands_out_no_new_day(uses: SqliteUses, clock: Clock) -> None:
    limits = Limits(uses, clock)
    assert admitted(limits, 3) == 3
    limits.save()
    clock.now_s += 7200
    restarted = Limits(uses, clock)
    assert admitted(restarted, 10) == 2
    clock.now_s += DAY_S - 7200 + 60
    assert admitted(Limits(uses, clock), 10) == 5


def test_a_process_that_is_killed_gives_away_what_came_since_the_last_save(uses: SqliteUses, clock: Clock) -> None:
    limits = Limits(uses, clock)
    assert admitted(limits, 2) == 2
    limits.save()
    assert admitted(limits, 2) == 2
    assert admitted(Limits(uses, clock), 10) == 3


def test_the_day_is_shared_between_processes_as_of_their_last_saves(uses: SqliteUses, clock: Clock) -> None:
    one, other = Limits(uses, clock), Limits(uses, clock)
    assert (admitted(one, 2), admitted(other, 1)) == (2, 1)
    for process in (one, other, one):
        process.save()
    # Neither knows yet what the other admits now: the fifth is somebody's, and so is a sixth.
    assert (admitted(one, 2), admitted(other, 1)) == (2, 1)
    for process in (one, other, one):
        process.save()
    assert (admitted(one, 1), admitted(other, 1)) == (0, 0)


def test_threads_get_exactly_what_is_allowed(uses: SqliteUses, clock: Clock, cloud: Cloud) -> None:
    limits, client = Limits(uses, clock), replace(CLIENT, day=200, burst=1000)
    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(lambda _: admitted(limits, 50, client), range(8)))
        saved = [threads.submit(limits.save) for _ in range(4)]
        assert [future.result() for future in saved] == [None] * 4
    assert sum(counts) == 200
    assert requests_in(cloud) == 200


def test_requests_during_a_save_are_neither_lost_nor_counted_twice(
    uses: SqliteUses, clock: Clock, cloud: Cloud
) -> None:
    limits, client = Limits(uses, clock), replace(CLIENT, day=10_000, burst=100_000)
    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(admitted, limits, 500, client) for _ in range(3)]
        for _ in range(10):
            limits.save()
            clock.now_s += 20
        assert sum(future.result() for future in asking) == 1500
    limits.save()
    assert limits.admit(client).day_left == 10_000 - 1501
    assert requests_in(cloud) == 1500


def test_a_changed_limit_holds_from_the_next_request_on(uses: SqliteUses, clock: Clock) -> None:
    limits = Limits(uses, clock)
    assert admitted(limits, 5) == 5
    assert limits.admit(replace(CLIENT, day=7)).day_left == 1
    lowered = limits.admit(replace(CLIENT, day=2))
    assert (lowered.day_left, lowered.wait_s > 0) == (0, True)


def test_clients_do_not_take_from_one_another(uses: SqliteUses, clock: Clock) -> None:
    limits = Limits(uses, clock)
    assert admitted(limits, 10) == 5
    assert admitted(limits, 10, replace(CLIENT, id="c2")) == 5


def test_memory_holds_who_asked_since_the_last_save_only(uses: SqliteUses, clock: Clock) -> None:
    limits = Limits(uses, clock)
    for number in range(MOST_CLIENTS + 10):
        limits.admit(replace(CLIENT, id=f"x{number}"))
    assert len(limits) == MOST_CLIENTS
    limits.save()
    limits.admit(CLIENT)
    limits.save()
    assert len(limits) == 1
    limits.save()
    assert len(limits) == 0
    assert limits.admit(CLIENT).day_left == 3


def test_a_client_that_was_removed_leaves_nothing_behind(uses: SqliteUses, clock: Clock, cloud: Cloud) -> None:
    limits = Limits(uses, clock)
    admitted(limits, 2)
    limits.save()
    admitted(limits, 2)
    cloud.registry.remove_client(CLIENT.id)
    limits.save()
    assert cloud.rows("client_use") == []


def test_what_is_older_than_a_day_is_forgotten_on_disk_too(uses: SqliteUses, clock: Clock, cloud: Cloud) -> None:
    limits = Limits(uses, clock)
    for _ in range(3):
        admitted(limits, 1)
        limits.save()
        clock.now_s += DAY_S + 120
    assert len(cloud.rows("client_use")) == 1


def test_a_clock_that_was_wrong_once_does_not_hold_a_client_up(uses: SqliteUses, clock: Clock) -> None:
    clock.now_s += 365 * DAY_S
    ahead = Limits(uses, clock)
    assert admitted(ahead, 5) == 5
    ahead.save()
    clock.now_s -= 365 * DAY_S
    assert admitted(Limits(uses, clock), 5) == 5


def test_what_cannot_be_saved_now_is_later(
    uses: SqliteUses, clock: Clock, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    class FullDisk(SqliteUses):
        full = True

        def add_uses(self, uses: Mapping[str, Mapping[int, int]], since: int, kept: int) -> dict[str, dict[int, int]]:
            if self.full:
                raise StoreError("bridge.db: database or disk is full")
            return super().add_uses(uses, since, kept)

    store = FullDisk(cloud.database)
    limits = Limits(store, clock)
    admitted(limits, 2)
    with caplog.at_level(logging.WARNING):
        limits.save()
    assert "disk is full" in caplog.text
    clock.now_s += 600
    assert limits.admit(CLIENT).day_left == 2
    store.full = False
    limits.save()
    assert limits.admit(CLIENT).day_left == 1
    assert admitted(Limits(uses, clock), 10) == 2
