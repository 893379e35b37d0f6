"""What waits is posted to real receivers: in order, by the policies, and whatever the others do."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
from msgspec.structs import replace

from cloud_bridge.notify.addresses import Permitted
from cloud_bridge.notify.pacing import KEPT_MS
from cloud_bridge.notify.posting import Limits
from cloud_bridge.notify.sender import Batch, Retry, Sender
from cloud_bridge.notify.signing import shown
from cloud_bridge.shapes.webhooks import Attribute
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.outbox import Attempted, Head, NotificationState
from cloud_bridge.store.sqlite.outbox import SqliteOutbox
from tests.cloud_bridge.notify.test_signing import verified
from tests.cloud_bridge.notify.waiting import FLEET, NAME, Cloud, notification, told, until
from tests.cloud_bridge.vehicle import OTHER_VIN
from tests.receiver import Received, Receiver, Reply, silent_port

ALWAYS = Retry("Always", 1, 50)
ENDLESS = Limits(connect_s=600.0, whole_s=600.0)
"""So long an attempt may take that who waits for it has waited in vain."""


def sender(receiver: Receiver, name: str = "m1", path: str = "hook", host: str = NAME) -> Sender:
    return Sender(name, "monitorId", FLEET, f"https://{host}:{receiver.port}/{path}", retry=ALWAYS)


def numbers(came: list[Received]) -> list[int]:
    return [number for one in came for number in told(one.document)]


def test_what_waits_is_posted_in_its_order_one_event_a_call(cloud: Cloud, receiver: Receiver) -> None:
    cloud.senders["m1"] = sender(receiver)
    cloud.write(*[notification(number) for number in range(5)])
    cloud.deliver()
    receiver.wait_for(5)
    cloud.write(*[notification(number) for number in range(5, 10)])
    assert numbers(receiver.wait_for(10)) == list(range(10))
    cloud.until_nothing_waits()
    assert [one.header("webhook-id") for one in receiver.received] == [notification(n).id for n in range(10)]
    found = cloud.outbox.find(notification(3).id)
    assert found is not None
    assert (found.state, found.notification.body) == (NotificationState.DELIVERED, b"")


def test_what_is_written_leaves_at_once_when_it_is_told_and_soon_when_it_is_not(
    cloud: Cloud, receiver: Receiver
) -> None:
    cloud.senders["m1"] = sender(receiver)
    delivery = cloud.deliver()
    cloud.write(notification(0))
    receiver.wait_for(1)
    # Another process writes, and tells nobody here.
    delivery.wake = lambda: None  # type: ignore[method-assign]
    cloud.write(notification(1))
    receiver.wait_for(2)


def test_a_target_that_the_settings_permit_no_more_gets_nothing_and_it_is_said_why(
    cloud: Cloud, receiver: Receiver
) -> None:
    """As it was registered it stays; what is permitted is asked at each attempt."""
    cloud.permitted = Permitted()
    cloud.senders["m1"] = sender(receiver)
    cloud.write(notification(0))
    cloud.deliver()
    until(lambda: cloud.outbox.senders()[0].failure != "")
    (waiting,) = cloud.outbox.senders()
    assert "has the address 127.0.0.1, which is refused: it is the machine itself" in waiting.failure
    assert (waiting.number, receiver.received) == (1, [])


def test_a_batch_leaves_when_it_is_full(cloud: Cloud, receiver: Receiver) -> None:
    cloud.senders["m1"] = replace(sender(receiver), batch=Batch(3, 3_600_000))
    cloud.deliver()
    cloud.write(*[notification(number) for number in range(7)])
    assert [told(one.document) for one in receiver.wait_for(2)] == [[0, 1, 2], [3, 4, 5]]
    assert len({one.header("webhook-id") for one in receiver.received}) == 2
    cloud.write(notification(7), notification(8))
    assert told(receiver.wait_for(3)[2].document) == [6, 7, 8]


def test_a_batch_leaves_when_its_window_is_over(cloud: Cloud, receiver: Receiver) -> None:
    cloud.stand_still()
    cloud.senders["m1"] = replace(sender(receiver), batch=Batch(100, 60_000))
    cloud.senders["m2"] = sender(receiver, "m2")
    cloud.deliver()
    cloud.write(notification(0), notification(1))
    cloud.ahead_ms += 59_000
    cloud.write(notification(2), notification(9, "m2"))
    # That one was written last: both were looked at.
    assert numbers(receiver.wait_for(1)) == [9]
    cloud.ahead_ms += 2_000
    cloud.wake()
    assert [told(one.document) for one in receiver.wait_for(2)] == [[9], [0, 1, 2]]


def test_a_batch_that_failed_is_repeated_as_it_was_under_its_id(cloud: Cloud, receiver: Receiver) -> None:
    cloud.senders["m1"] = replace(sender(receiver), batch=Batch(10, 60_000))
    receiver.answer = lambda _: Reply(503 if len(receiver.received) < 3 else 200)
    cloud.deliver()
    cloud.write(*[notification(number) for number in range(3)])
    cloud.ahead_ms += 61_000
    cloud.wake()
    receiver.wait_for(1)
    cloud.write(*[notification(number) for number in range(3, 5)])
    receiver.wait_for(3)
    cloud.ahead_ms += 61_000
    cloud.wake()
    came = receiver.wait_for(4)
    assert [told(one.document) for one in came] == [[0, 1, 2]] * 3 + [[3, 4]]
    assert len({one.header("webhook-id") for one in came}) == 2


def test_the_vin_in_a_query_makes_each_event_a_call_of_its_own(cloud: Cloud, receiver: Receiver) -> None:
    batched = replace(sender(receiver), batch=Batch(10, 3_600_000), attributes=(Attribute("Query", "v", "$vin"),))
    cloud.senders["m1"] = batched
    cloud.deliver()
    cloud.write(notification(0), notification(1, vin=OTHER_VIN))
    one, other = receiver.wait_for(2)
    assert (one.path.endswith(f"v={notification(0).vin}"), other.path.endswith(f"v={OTHER_VIN}")) == (True, True)


def test_none_tries_each_once_and_what_failed_is_dead(cloud: Cloud, receiver: Receiver) -> None:
    cloud.senders["m1"] = replace(sender(receiver), retry=Retry("None"))
    receiver.answer = lambda received: Reply(500 if told(received.document) == [1] else 200)
    cloud.deliver()
    cloud.write(*[notification(number) for number in range(3)])
    assert numbers(receiver.wait_for(3)) == [0, 1, 2]
    cloud.until_nothing_waits()
    total, (dead,) = cloud.outbox.dead(0, 10)
    assert (total, dead.notification.id, dead.failure) == (1, notification(1).id, "the answer was 500")
    assert cloud.outbox.troubles() == []


def test_bounded_gives_up_and_the_next_event_with_a_2xx_releases_all_that_was_stored(
    cloud: Cloud, receiver: Receiver
) -> None:
    cloud.senders["m1"] = replace(sender(receiver), retry=Retry("Bounded", 3, 50))
    receiver.answer = lambda _: Reply(500)
    cloud.deliver()
    cloud.write(notification(0), notification(1))
    assert numbers(receiver.wait_for(3)) == [0, 0, 0]
    until(lambda: [one.newer_than is not None for one in cloud.outbox.troubles()] == [True])
    time.sleep(0.3)
    assert len(receiver.received) == 3
    receiver.answer = lambda _: Reply()
    cloud.write(notification(2))
    assert numbers(receiver.wait_for(6)) == [0, 0, 0, 0, 1, 2]
    cloud.until_nothing_waits()
    assert cloud.outbox.troubles() == []


def test_always_tries_until_three_days_are_over_and_no_longer(cloud: Cloud, receiver: Receiver) -> None:
    cloud.senders["m1"] = sender(receiver)
    receiver.answer = lambda _: Reply(503)
    cloud.deliver()
    cloud.write(notification(0))
    receiver.wait_for(4)
    cloud.ahead_ms += KEPT_MS - 60_000
    cloud.write(notification(1))
    cloud.stop()
    cloud.ahead_ms += 120_000
    before = len(receiver.received)
    receiver.answer = lambda _: Reply()
    cloud.deliver()
    # The later one has three days of its own.
    assert numbers(receiver.wait_for(before + 1))[before:] == [1]
    cloud.until_nothing_waits()
    _, (dead,) = cloud.outbox.dead(0, 10)
    assert dead.notification.id == notification(0).id
    assert dead.failure.startswith("was not delivered in time; the answer was 503")


def test_a_dead_one_that_is_replayed_is_posted_again_under_its_id(cloud: Cloud, receiver: Receiver) -> None:
    cloud.senders["m1"] = replace(sender(receiver), retry=Retry("None"))
    receiver.answer = lambda _: Reply(500)
    cloud.deliver()
    cloud.write(notification(0))
    until(lambda: cloud.outbox.counts() == (0, 1))
    receiver.answer = lambda _: Reply()
    assert cloud.outbox.replay([notification(0).id], cloud.now_ms()) == 1
    assert [one.header("webhook-id") for one in receiver.wait_for(2)] == [notification(0).id] * 2
    until(lambda: cloud.outbox.counts() == (0, 0))


def test_who_is_paused_posts_nothing_and_everything_when_it_goes_on(
    cloud: Cloud, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud_bridge.notify.plan.PAUSED_LOOK_MS", 200)
    running = sender(receiver)
    cloud.senders["m1"] = replace(running, paused=True)
    cloud.senders["m2"] = sender(receiver, "m2")
    cloud.deliver()
    cloud.write(notification(0), notification(1), notification(2, "m2"))
    assert numbers(receiver.wait_for(1)) == [2]
    cloud.senders["m1"] = running
    assert numbers(receiver.wait_for(3)) == [2, 0, 1]


def test_who_is_resumed_goes_on_as_soon_as_that_is_said(
    cloud: Cloud, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By itself it would be looked at in an hour.
    monkeypatch.setattr("cloud_bridge.notify.plan.PAUSED_LOOK_MS", 3_600_000)
    monkeypatch.setattr("cloud_bridge.notify.delivery.UPKEEP_S", 3600.0)
    running = sender(receiver)
    cloud.senders["m1"] = replace(running, paused=True)
    cloud.senders["m2"] = sender(receiver, "m2")
    delivery = cloud.deliver()
    cloud.write(notification(0), notification(1, "m2"))
    assert numbers(receiver.wait_for(1)) == [1]
    cloud.senders["m1"] = running
    delivery.wake()
    cloud.write(notification(2, "m2"))
    assert numbers(receiver.wait_for(2)) == [1, 2]
    delivery.resume("m1")
    assert numbers(receiver.wait_for(3)) == [1, 2, 0]


def test_of_who_is_gone_everything_is_dropped(cloud: Cloud, receiver: Receiver) -> None:
    cloud.senders["m2"] = sender(receiver, "m2")
    cloud.deliver()
    cloud.write(*[notification(number) for number in range(5)], notification(9, "m2"))
    assert numbers(receiver.wait_for(1)) == [9]
    cloud.until_nothing_waits()
    assert cloud.outbox.counts() == (0, 0)
    assert cloud.outbox.find(notification(0).id) is None


def test_a_receiver_that_asks_for_time_gets_it(cloud: Cloud, receiver: Receiver) -> None:
    cloud.senders["m1"] = sender(receiver)
    receiver.answer = lambda _: Reply(429, {"Retry-After": "3600"}) if len(receiver.received) == 1 else Reply()
    cloud.deliver()
    cloud.write(notification(0))
    receiver.wait_for(1)
    until(lambda: len(cloud.outbox.troubles()) == 1)
    (trouble,) = cloud.outbox.troubles()
    assert 3_500_000 < trouble.next_attempt_ms - trouble.since_ms <= 3_600_000
    cloud.wake()
    time.sleep(0.2)
    assert len(receiver.received) == 1
    cloud.ahead_ms += 3_601_000
    cloud.wake()
    receiver.wait_for(2)


def test_one_dead_target_delays_no_other(
    cloud: Cloud, receiver: Receiver, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud_bridge.notify.delivery.LAST_CALLS_S", 0.1)
    # Whoever waited for one of the dead would wait for longer than the receiver does.
    cloud.limits = ENDLESS
    listener, port = silent_port()
    with listener, Receiver(certificate, lambda _: Reply(500)) as failing:
        for number in range(60):
            target = f"https://{NAME}:{port}/"
            cloud.senders[f"dead{number}"] = Sender(f"dead{number}", "monitorId", FLEET, target, retry=ALWAYS)
            cloud.senders[f"failing{number}"] = sender(failing, f"failing{number}", host="other.example.com")
        cloud.senders["alive"] = sender(receiver, "alive", host="localhost")
        cloud.deliver()
        cloud.write(*[notification(1, name) for name in cloud.senders if name != "alive"])
        failing.wait_for(60)
        for number in range(5):
            cloud.write(notification(number, "alive"))
            receiver.wait_for(number + 1)


def test_a_slow_target_delays_no_other_path_of_its_host(cloud: Cloud, receiver: Receiver) -> None:
    cloud.limits = ENDLESS
    go_on = threading.Event()

    def answer(received: Received) -> Reply:
        if received.path == "/slow":
            go_on.wait()
            return Reply(500)
        return Reply()

    receiver.answer = answer
    for number in range(8):
        cloud.senders[f"slow{number}"] = sender(receiver, f"slow{number}", "slow")
    cloud.senders["quick"] = sender(receiver, "quick")
    cloud.deliver()
    cloud.write(*[notification(number, f"slow{number}") for number in range(8)])
    receiver.wait_for(8)
    go_on.set()
    until(lambda: len(cloud.outbox.troubles()) == 8)
    go_on.clear()
    receiver.wait_for(16)
    cloud.write(notification(99, "quick"))
    try:
        until(lambda: any(told(one.document) == [99] for one in receiver.received))
    finally:
        go_on.set()


def test_of_two_processes_one_delivers_and_the_other_goes_on_when_it_ends(cloud: Cloud, receiver: Receiver) -> None:
    cloud.senders["m1"] = sender(receiver)
    first = cloud.deliver()
    cloud.write(notification(0))
    receiver.wait_for(1)
    cloud.deliver(outbox=SqliteOutbox(cloud.database))
    cloud.write(*[notification(number) for number in range(1, 40)])
    receiver.wait_for(40)
    first.stop()
    cloud.write(notification(40))
    receiver.wait_for(41)
    cloud.until_nothing_waits()
    assert numbers(receiver.received) == list(range(41))


def test_of_too_many_the_oldest_are_given_up_and_named(
    cloud: Cloud, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.senders["m1"] = replace(sender(receiver), paused=True)
    cloud.write(*[notification(number) for number in range(12)])
    cloud.deliver(most_waiting=10)
    until(lambda: "2 notifications of m1 are given up, the oldest: more than 10 wait" in caplog.text)
    assert cloud.outbox.counts() == (10, 2)


def test_it_is_signed_with_the_secret_of_the_fleet_and_the_one_before(cloud: Cloud, receiver: Receiver) -> None:
    cloud.senders["m1"] = sender(receiver)
    cloud.deliver()
    cloud.write(notification(0))
    receiver.wait_for(1)
    (old,) = cloud.secrets.secrets(FLEET, cloud.now_ms())
    new, _ = cloud.secrets.rotate(FLEET, cloud.now_ms(), 3_600_000)
    cloud.write(notification(1))
    receiver.wait_for(2)
    cloud.ahead_ms += 3_601_000
    cloud.write(notification(2))
    came = receiver.wait_for(3)
    good = [[verified(_headers(one), one.body, shown(each.secret)) for each in (old, new)] for one in came]
    assert good == [[True, False], [True, True], [False, True]]


def _headers(received: Received) -> dict[str, str]:
    return {key.lower(): value for key, value in received.headers}


def test_trouble_is_told_once_when_it_begins_and_once_when_it_ends_and_tells_no_secret(
    cloud: Cloud, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    secret = Attribute("Header", "Authorization", "Basic c2VjcmV0")
    cloud.senders["m1"] = replace(sender(receiver), attributes=(secret, Attribute("Query", "token", "hidden")))
    receiver.answer = lambda _: Reply(503 if len(receiver.received) < 4 else 200)
    cloud.deliver()
    cloud.write(notification(0))
    receiver.wait_for(4)
    cloud.until_nothing_waits()
    until(lambda: "m1 are delivered again" in caplog.text)
    assert caplog.text.count("notifications of m1 cannot be delivered: the answer was 503") == 1
    assert "c2VjcmV0" not in caplog.text
    assert "hidden" not in caplog.text


class FailingOutbox(SqliteOutbox):
    """Cannot write what came of attempts at first, as with a full disk."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud.database)
        self._failures = count()

    def settle(self, attempts: Sequence[Attempted], now_ms: int) -> None:
        if next(self._failures) < 2:
            raise StoreError("bridge.db: database or disk is full")
        super().settle(attempts, now_ms)


def test_what_cannot_be_written_is_not_posted_again_meanwhile(
    cloud: Cloud, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.senders["m1"] = sender(receiver)
    cloud.write(notification(0), notification(1))
    cloud.deliver(outbox=FailingOutbox(cloud))
    cloud.until_nothing_waits()
    assert numbers(receiver.received) == [0, 1]
    assert "cannot be written now, trying again: bridge.db: database or disk is full" in caplog.text


class HastyOutbox(SqliteOutbox):
    """Something is written right after it was found that nothing waits, and before anything follows of that."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud.database)
        self._cloud = cloud
        self._written = False

    def head(self, sender: str, limit: int) -> Head | None:
        found = super().head(sender, limit)
        if found is None and not self._written:
            self._written = True
            self._cloud.write(notification(1))
            time.sleep(0.5)
        return found


def test_what_is_written_the_moment_that_nothing_waited_is_not_overlooked(
    cloud: Cloud, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Otherwise everything is looked at again after half a minute.
    monkeypatch.setattr("cloud_bridge.notify.delivery.UPKEEP_S", 3600.0)
    cloud.senders["m1"] = sender(receiver)
    cloud.deliver(outbox=HastyOutbox(cloud))
    cloud.write(notification(0))
    assert numbers(receiver.wait_for(2)) == [0, 1]


def test_a_sender_whose_parts_cannot_be_read_holds_up_no_other(
    cloud: Cloud, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.senders["m2"] = sender(receiver, "m2")
    # Nothing like it passes the checks; it is what a fault would be.
    cloud.senders["m1"] = replace(sender(receiver), key="nothing")
    cloud.deliver()
    cloud.write(notification(0), notification(1, "m2"))
    assert numbers(receiver.wait_for(1)) == [1]
    until(lambda: cloud.faults.counts == {"notifications": 1})
    assert "notifications: a defect; what is of sender m1, for a minute, is left out" in caplog.text


def test_a_call_under_way_may_still_end_when_it_is_told_to_stop(
    cloud: Cloud, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud_bridge.notify.delivery.LAST_CALLS_S", 60.0)
    cloud.senders["m1"] = sender(receiver)
    answering = threading.Event()

    def answer(_: Received) -> Reply:
        answering.wait()
        return Reply()

    receiver.answer = answer
    delivery = cloud.deliver()
    cloud.write(notification(0), notification(1))
    receiver.wait_for(1)
    stopping = threading.Thread(target=cloud.stop)
    stopping.start()
    until(delivery._stopping.is_set)
    answering.set()
    stopping.join()
    assert [len(receiver.received), cloud.outbox.counts()[0]] == [1, 1]


def test_it_ends_soon_although_a_target_does_not_answer(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud_bridge.notify.delivery.LAST_CALLS_S", 0.1)
    cloud.limits = ENDLESS
    listener, port = silent_port()
    with listener:
        cloud.senders["m1"] = Sender("m1", "monitorId", FLEET, f"https://{NAME}:{port}/", retry=ALWAYS)
        cloud.deliver()
        cloud.write(notification(0))
        listener.accept()
        began_s = time.monotonic()
        cloud.stop()
        assert time.monotonic() - began_s < 60
    assert cloud.outbox.counts() == (1, 0)
