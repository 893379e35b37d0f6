"""The published policies and batches, as functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest
from msgspec.structs import replace

from cloud_bridge.notify.pacing import (
    LARGEST_CALL,
    LONGEST_ASKED_MS,
    call_id,
    due_ms,
    failed,
    size_of,
    together,
)
from cloud_bridge.notify.sender import Batch, Policy, Retry, Sender
from cloud_bridge.shapes.webhooks import Attribute
from cloud_bridge.store.port.outbox import Attempted, Head, Kept, NotificationState, Trouble
from tests.cloud_bridge.notify.waiting import notification
from tests.cloud_bridge.vehicle import OTHER_VIN, VIN

PLAIN = Sender("m1", "monitorId", "f1", "https://partner.example.com/")
DELAY_MS = 10_000


def with_policy(policy: Policy, number: int = 3) -> Sender:
    return replace(PLAIN, retry=Retry(policy, number, DELAY_MS))


def with_batch(size: int, *attributes: tuple[Literal["Header", "Body", "Query"], str]) -> Sender:
    found = tuple(Attribute(kind, "key", value) for kind, value in attributes)
    return replace(PLAIN, batch=Batch(size, 60_000), attributes=found)


def kept(number: int, vin: str = VIN, *, at_ms: int = 0, attempts: int = 0, batch: str | None = None) -> Kept:
    one = notification(number, vin=vin)
    return Kept(one, NotificationState.WAITS, number, at_ms, attempts=attempts, batch=batch)


def head(*waiting: Kept) -> Head:
    return Head(waiting[0], len(waiting), waiting[-1].number)


def fail(sender: Sender, trouble: Trouble | None, now_ms: int, newest: int = 1, asked_ms: int = 0) -> Attempted:
    return failed(sender, [kept(1)], "503", trouble=trouble, newest=newest, asked_ms=asked_ms, now_ms=now_ms)


def numbers(call: Sequence[Kept]) -> list[int]:
    return [one.number for one in call]


def test_without_a_batch_each_event_is_a_call_at_once() -> None:
    assert size_of(PLAIN) == 1
    assert due_ms(PLAIN, head(kept(1, at_ms=500), kept(2, at_ms=600)), None) == 500
    assert numbers(together(PLAIN, [kept(1), kept(2)])) == [1]


def test_a_batch_is_due_when_it_is_full_or_its_window_is_over() -> None:
    sender = with_batch(3)
    two = [kept(1, at_ms=500), kept(2, at_ms=900)]
    assert due_ms(sender, head(*two), None) == 60_500
    assert due_ms(sender, head(*two, kept(3, at_ms=901)), None) == 500
    assert numbers(together(sender, [*two, kept(3), kept(4)])) == [1, 2, 3]


def test_what_was_tried_already_does_not_wait_for_a_window() -> None:
    assert due_ms(with_batch(3), head(kept(1, at_ms=500, attempts=1)), None) == 500
    assert due_ms(with_batch(3), head(kept(1, at_ms=500, batch="b")), None) == 500


def test_a_batch_is_repeated_with_its_members_and_its_id() -> None:
    sender = with_batch(3)
    first = [kept(1), kept(2)]
    again = [replace(one, batch=call_id(first), attempts=1) for one in first]
    assert numbers(together(sender, [*again, kept(3), kept(4)])) == [1, 2]
    assert call_id(together(sender, [*again, kept(3)])) == call_id(first)
    assert call_id(first) != call_id([kept(1)]) == kept(1).notification.id
    assert call_id(first) != call_id(first[::-1])
    # Also where the batches were made smaller meanwhile, and what is behind it is no part of it.
    assert numbers(together(with_batch(1), [*again, kept(3)])) == [1, 2]
    assert numbers(together(sender, [kept(3), *again])) == [3]


def test_the_vin_in_an_address_switches_batches_off() -> None:
    sender = with_batch(10, ("Query", "$vin"))
    assert size_of(sender) == 1
    assert due_ms(sender, head(kept(1, at_ms=500)), None) == 500
    assert size_of(with_batch(10, ("Header", "$vin"))) == 10
    assert size_of(with_batch(10, ("Query", "$fleetID"))) == 10


@pytest.mark.parametrize("kind", ["Header", "Body"])
def test_where_attributes_name_the_vehicle_a_call_is_about_one(kind: Literal["Header", "Body"]) -> None:
    waiting = [kept(1), kept(2), kept(3, OTHER_VIN), kept(4)]
    assert numbers(together(with_batch(10, (kind, "$vin")), waiting)) == [1, 2]
    assert numbers(together(with_batch(10, (kind, "$fleetID")), waiting)) == [1, 2, 3, 4]


def test_a_call_is_bounded_in_octets_and_one_event_always_goes() -> None:
    large = replace(kept(1), notification=replace(notification(1), body=b"x" * (LARGEST_CALL // 2 + 1)))
    huge = replace(kept(2), notification=replace(notification(2), body=b"x" * (LARGEST_CALL + 1)))
    assert len(together(with_batch(10), [large, large, large])) == 1
    assert len(together(with_batch(10), [large, kept(3), kept(4)])) == 3
    assert len(together(with_batch(10), [huge, kept(3)])) == 1


def test_none_is_a_single_try() -> None:
    attempted = fail(with_policy("None"), None, 100)
    assert attempted.dead
    assert attempted.trouble == Trouble("m1", 1, 1, 100, 100)
    # What comes next has its own try at once.
    assert due_ms(with_policy("None"), head(kept(2, at_ms=90)), attempted.trouble) == 100


def test_bounded_is_so_many_attempts_so_far_apart_and_then_only_with_something_new() -> None:
    sender = with_policy("Bounded", 3)
    trouble, now_ms = None, 100
    for tries in (1, 2):
        attempted = fail(sender, trouble, now_ms, newest=7)
        trouble = attempted.trouble
        assert not attempted.dead
        assert trouble == Trouble("m1", tries, tries, 100, now_ms + DELAY_MS)
        assert due_ms(sender, head(kept(1), kept(7)), trouble) == now_ms + DELAY_MS
        now_ms += DELAY_MS
    attempted = fail(sender, trouble, now_ms, newest=7)
    trouble = attempted.trouble
    assert not attempted.dead
    assert trouble == Trouble("m1", 3, 3, 100, now_ms + DELAY_MS, newer_than=7)
    assert due_ms(sender, head(kept(1), kept(7)), trouble) is None
    # The oldest goes first, not sooner than the delay.
    assert due_ms(sender, head(kept(1), kept(8)), trouble) == now_ms + DELAY_MS
    again = fail(sender, trouble, now_ms + 50_000, newest=8).trouble
    assert again == Trouble("m1", 4, 1, 100, now_ms + 50_000 + DELAY_MS)


def test_bounded_to_one_attempt_gives_up_at_once_and_keeps_what_waits() -> None:
    attempted = fail(with_policy("Bounded", 1), None, 100, newest=4)
    assert not attempted.dead
    assert attempted.trouble == Trouble("m1", 1, 1, 100, 100 + DELAY_MS, newer_than=4)


def test_always_goes_on() -> None:
    sender = with_policy("Always", 1)
    trouble = None
    for tries in range(1, 50):
        attempted = fail(sender, trouble, tries)
        trouble = attempted.trouble
        assert trouble is not None
        assert (attempted.dead, trouble.newer_than, trouble.failures) == (False, None, tries)
        assert trouble.next_attempt_ms == tries + DELAY_MS


@pytest.mark.parametrize("policy", ["None", "Bounded", "Always"])
def test_a_receiver_may_ask_for_more_patience_and_not_for_less_or_without_end(policy: Policy) -> None:
    sender = with_policy(policy)
    delay_ms = 0 if policy == "None" else DELAY_MS
    for asked_ms, waited_ms in ((60_000, 60_000), (1, max(1, delay_ms)), (10**12, LONGEST_ASKED_MS)):
        trouble = fail(sender, None, 100, asked_ms=asked_ms).trouble
        assert trouble is not None
        assert trouble.next_attempt_ms == 100 + waited_ms
