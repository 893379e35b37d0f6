"""The outbox: the order, what is written once, and what becomes of what waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_bridge.records.fold import Stretch
from cloud_bridge.store.port.derived import Chunk, Step
from cloud_bridge.store.port.outbox import Attempted, Head, Kept, Notification, NotificationState, Trouble, Waiting
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.derived import SqliteDerived
from cloud_bridge.store.sqlite.outbox import SqliteOutbox, put
from cloud_bridge.store.sqlite.pruning import SqlitePruning
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.vehicle import OTHER_VIN, VIN


def notification(number: int, sender: str = "m1", vin: str = VIN) -> Notification:
    # The ids do not ascend: nothing may be in their order.
    name = f"{(number * 7919) % 10_000:032x}"
    return Notification(name, sender, "f1", vin, 1000 * number, refresh=False, body=b"{}", variables={"vin": vin})


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "bridge.db")
    yield database
    database.close()


@pytest.fixture
def outbox(database: Database) -> SqliteOutbox:
    return SqliteOutbox(database)


def write(database: Database, *notifications: Notification, now_ms: int = 1) -> int:
    with database.write() as connection:
        return put(connection, notifications, now_ms)


def trouble(sender: str = "m1") -> Trouble:
    return Trouble(sender, 1, 1, 10, 20)


def ids(kept: list[Kept]) -> list[str]:
    return [one.notification.id for one in kept]


def test_what_waits_is_told_in_the_order_in_which_it_was_written_also_within_a_millisecond(
    database: Database, outbox: SqliteOutbox
) -> None:
    written = [notification(number) for number in range(20)]
    assert write(database, *written, notification(99, "m2")) == 21
    waiting = outbox.waiting("m1", 100)
    assert [one.notification for one in waiting] == written
    assert [one.state for one in waiting] == [NotificationState.WAITS] * 20
    assert outbox.waiting("m1", 3) == waiting[:3]
    assert outbox.head("m1", 100) == Head(waiting[0], 20, waiting[-1].number)
    assert outbox.head("m1", 3) == Head(waiting[0], 3, waiting[-1].number)
    assert outbox.head("nobody", 3) is None


def test_writing_it_twice_is_writing_it_once_also_when_it_was_delivered(
    database: Database, outbox: SqliteOutbox
) -> None:
    one = notification(1)
    assert [write(database, one), write(database, one)] == [1, 0]
    outbox.settle([Attempted("m1", (one.id,))], 5)
    assert write(database, one) == 0
    found = outbox.find(one.id)
    assert found is not None
    assert (found.state, found.settled_at_ms, found.attempts) == (NotificationState.DELIVERED, 5, 1)
    assert found.notification.body == b""
    assert outbox.waiting("m1", 10) == []


def test_what_a_transaction_undoes_was_not_written(database: Database, outbox: SqliteOutbox) -> None:
    def fail() -> None:
        with database.write() as connection:
            put(connection, [notification(1)], 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert outbox.arrivals(0) == (0, [])


def test_what_came_since_is_known_by_its_sender(database: Database, outbox: SqliteOutbox) -> None:
    write(database, notification(1), notification(2, "m2"))
    newest, senders = outbox.arrivals(0)
    assert senders == ["m1", "m2"]
    assert outbox.arrivals(newest) == (newest, [])
    write(database, notification(3, "m2"))
    later, senders = outbox.arrivals(newest)
    assert (later > newest, senders) == (True, ["m2"])


def test_a_number_is_not_given_again_when_its_row_is_gone(database: Database, outbox: SqliteOutbox) -> None:
    write(database, notification(1))
    newest, _ = outbox.arrivals(0)
    assert outbox.drop("m1", 10) == 1
    write(database, notification(2))
    assert outbox.arrivals(newest) == (newest + 1, ["m1"])


def test_an_answer_ends_the_trouble_and_a_failure_is_kept_with_what_was_tried(
    database: Database, outbox: SqliteOutbox
) -> None:
    first, second = notification(1), notification(2)
    write(database, first, second)
    outbox.settle([Attempted("m1", (first.id,), trouble(), "503")], 5)
    waiting = outbox.waiting("m1", 10)
    assert [(one.attempts, one.failure) for one in waiting] == [(1, "503"), (0, "")]
    assert outbox.trouble("m1") == trouble()
    assert outbox.troubles() == [trouble()]
    outbox.settle([Attempted("m1", (first.id,))], 6)
    assert ids(outbox.waiting("m1", 10)) == [second.id]
    assert outbox.trouble("m1") is None


def test_an_attempt_that_fails_when_its_sender_is_gone_leaves_nothing(database: Database, outbox: SqliteOutbox) -> None:
    one = notification(1)
    write(database, one)
    outbox.drop("m1", 10)
    outbox.settle([Attempted("m1", (one.id,), trouble(), "no")], 5)
    assert (outbox.troubles(), outbox.counts()) == ([], (0, 0))


def test_the_dead_are_listed_newest_first_and_wait_again_as_if_written_now(
    database: Database, outbox: SqliteOutbox
) -> None:
    first, second, third, other = (*(notification(number) for number in range(3)), notification(3, "m2"))
    write(database, first, second, third, other)
    outbox.bind([second.id], "batch")
    for at_ms, one in enumerate([first, second, other], 5):
        outbox.settle([Attempted(one.sender, (one.id,), trouble(one.sender), "no", dead=True)], at_ms)
    total, dead = outbox.dead(0, 2)
    assert (total, ids(dead)) == (3, [other.id, second.id])
    assert outbox.dead(2, 2) == (3, outbox.dead(1, 1, "m1")[1])
    assert outbox.counts() == (1, 3)
    assert dead[1].notification == second
    assert outbox.replay([second.id, third.id, "f" * 32], 50) == 1
    waiting = outbox.waiting("m1", 10)
    assert ids(waiting) == [third.id, second.id]
    assert (waiting[1].created_at_ms, waiting[1].attempts, waiting[1].failure, waiting[1].batch) == (50, 0, "", None)
    assert outbox.replay_all("m1", 10, 60) == 1
    assert ids(outbox.waiting("m1", 10)) == [third.id, second.id, first.id]
    assert outbox.dead(0, 10, "m1") == (0, [])


def test_what_waits_too_long_is_given_up_and_says_why(database: Database, outbox: SqliteOutbox) -> None:
    old, older, new = notification(1), notification(2), notification(3)
    write(database, older, now_ms=10)
    write(database, old, now_ms=20)
    write(database, new, now_ms=30)
    outbox.settle([Attempted("m1", (older.id,), trouble(), "connection refused")], 25)
    assert outbox.expire(30, 1, 40) == 1
    assert outbox.expire(30, 10, 40) == 1
    assert outbox.expire(30, 10, 40) == 0
    assert ids(outbox.waiting("m1", 10)) == [new.id]
    assert [one.failure for one in outbox.dead(0, 10)[1]] == [
        "was not delivered in time",
        "was not delivered in time; connection refused",
    ]


def test_of_what_is_too_much_the_oldest_is_given_up(database: Database, outbox: SqliteOutbox) -> None:
    many = [notification(number) for number in range(7)]
    write(database, *many, *[notification(number, "m2") for number in range(10, 14)])
    assert outbox.trim(7, 5) == {}
    assert outbox.trim(4, 5) == {"m1": 3}
    assert outbox.trim(4, 5) == {}
    assert ids(outbox.waiting("m1", 10)) == [one.id for one in many[3:]]
    assert {one.failure for one in outbox.dead(0, 10)[1]} == {"too many were waiting"}


def test_of_a_sender_that_is_gone_nothing_waits(database: Database, outbox: SqliteOutbox) -> None:
    write(database, *[notification(number) for number in range(5)], notification(9, "m2"))
    outbox.settle([Attempted("m1", (notification(0).id,), trouble(), "no")], 5)
    assert outbox.drop("m1", 3) == 3
    assert outbox.drop("m1", 10) == 2
    assert outbox.trouble("m1") is None
    assert outbox.senders() == [Waiting("m2", "f1", 1, 1)]


def test_one_process_at_a_time_is_in_charge(database: Database, outbox: SqliteOutbox) -> None:
    other = SqliteOutbox(database)
    assert [outbox.take_charge(), other.take_charge(), outbox.take_charge()] == [True, False, True]
    outbox.leave()
    assert [other.take_charge(), outbox.take_charge()] == [True, False]
    other.leave()


def test_a_batch_is_remembered_until_it_is_settled(database: Database, outbox: SqliteOutbox) -> None:
    one, two, three = (notification(number) for number in range(3))
    write(database, one, two, three)
    outbox.bind([one.id, two.id], "b1")
    assert [kept.batch for kept in outbox.waiting("m1", 10)] == ["b1", "b1", None]


def test_how_much_waits_is_counted_by_sender(database: Database, outbox: SqliteOutbox) -> None:
    write(database, notification(1), now_ms=7)
    write(database, notification(2, vin=OTHER_VIN), notification(3, "m2"), now_ms=9)
    assert outbox.senders() == [Waiting("m1", "f1", 2, 7), Waiting("m2", "f1", 1, 9)]
    assert outbox.counts() == (3, 0)


def test_what_is_settled_goes_when_it_is_old_and_could_not_be_told_again(cloud: Cloud) -> None:
    outbox, pruning = SqliteOutbox(cloud.database), SqlitePruning(cloud.database)
    chunk = Chunk(bytes(16), 1, Stretch(5000, 6000, []))
    derived = SqliteDerived(cloud.database)
    derived.put_step(VIN, derived.extent(VIN), Step({}, [chunk], [], []), 0)
    before, within, waits = notification(4), notification(5), notification(3)
    other, young = notification(9, vin=OTHER_VIN), notification(2)
    write(cloud.database, before, within, waits, other, young)
    outbox.settle([Attempted("m1", (before.id, within.id))], 50)
    outbox.settle([Attempted("m1", (other.id,), trouble(), "no", dead=True)], 50)
    outbox.settle([Attempted("m1", (young.id,))], 60)
    assert [pruning.prune_notifications(60, 1) for _ in range(3)] == [1, 1, 0]
    assert [outbox.find(one.id) is not None for one in (before, within, waits, other, young)] == [
        False, True, True, False, True,
    ]  # fmt: skip
    with cloud.database.write() as connection:
        connection.execute("DELETE FROM chunk")
    assert pruning.prune_notifications(100, 10) == 2
    assert ids(outbox.waiting("m1", 10)) == [waits.id]
