"""What a receipt says of the calendar, and how sure that is."""

from __future__ import annotations

import pytest

from agent.journal.segments import Key
from agent.uplink.bridge_time import LONGEST_MS, MOST, BridgeTime
from contract.anchor import Anchor, AnchorSource
from contract.receipt import UTC_ERROR_MS, Receipt

BOOT = bytes(range(16))
EARLIER = bytes(16)
UTC_MS = 1_790_000_000_000


class Box:
    def __init__(self) -> None:
        self.now_ms = 0
        self.anchors: list[Anchor] = []
        self.time = BridgeTime(BOOT, lambda: self.now_ms, self.anchors.append)

    def sent(self, at_ms: int, sequence: int, boot: bytes = BOOT) -> None:
        self.now_ms = at_ms
        self.time.sent(Key(boot, sequence))

    def told(self, at_ms: int, last: int, boot: bytes = BOOT, utc_ms: int | None = UTC_MS) -> None:
        self.now_ms = at_ms
        self.time.told(Receipt(boot, (range(last + 1),), utc_ms=utc_ms))


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.mark.parametrize("made_ms", [1000, 1700, 3000])
def test_a_receipt_was_made_between_its_upload_s_leaving_and_its_coming(box: Box, made_ms: int) -> None:
    box.sent(1000, 0)
    box.told(3000, 0, utc_ms=UTC_MS + made_ms)
    (anchor,) = box.anchors
    assert anchor == Anchor(2000, UTC_MS + made_ms, 1000 + UTC_ERROR_MS, AnchorSource.BRIDGE)
    assert abs(anchor.utc_ms - UTC_MS - anchor.at_ms) <= anchor.uncertainty_ms


def test_of_several_uploads_that_a_receipt_covers_the_last_to_leave_says_most(box: Box) -> None:
    box.sent(0, 0)
    box.sent(5000, 1)
    box.told(5200, 1)
    assert [(anchor.at_ms, anchor.uncertainty_ms) for anchor in box.anchors] == [(5100, 100 + UTC_ERROR_MS)]


def test_a_repeat_does_not_count_because_the_receipt_may_be_of_the_first_time(box: Box) -> None:
    box.sent(0, 0)
    box.sent(10_000, 0)
    box.told(10_100, 0)
    assert [(anchor.at_ms, anchor.uncertainty_ms) for anchor in box.anchors] == [(5050, 5050 + UTC_ERROR_MS)]


def test_a_receipt_says_nothing_of_an_earlier_start_s_uploads_for_it_may_have_waited(box: Box) -> None:
    box.sent(0, 0, EARLIER)
    box.told(100, 0, EARLIER)
    assert box.anchors == []


def test_a_receipt_without_a_time_or_for_nothing_that_is_in_flight_says_nothing(box: Box) -> None:
    box.told(50, 3)
    box.sent(100, 0)
    box.told(200, 0, utc_ms=None)
    box.told(300, 0)
    assert box.anchors == []


def test_a_receipt_that_took_too_long_says_too_little(box: Box) -> None:
    box.sent(0, 0)
    box.told(LONGEST_MS + 1, 0)
    assert box.anchors == []


def test_an_upload_that_was_forgotten_says_nothing_also_when_it_is_repeated(box: Box) -> None:
    for sequence in range(MOST + 1):
        box.sent(sequence, sequence)
    # Made right after the upload first left, and kept by the broker since.
    box.sent(3_600_000, 0)
    box.told(3_600_100, 0, utc_ms=UTC_MS + 1)
    assert box.anchors == []
    box.sent(3_600_200, MOST + 1)
    box.told(3_600_300, MOST + 1, utc_ms=UTC_MS + 3_600_250)
    (anchor,) = box.anchors
    assert abs(anchor.utc_ms - UTC_MS - anchor.at_ms) <= anchor.uncertainty_ms


def test_of_too_many_without_a_receipt_the_lowest_numbers_are_forgotten_in_whatever_order_they_left(box: Box) -> None:
    for sequence in reversed(range(MOST + 1)):
        box.sent(MOST - sequence, sequence)
    box.told(MOST + 1, 0)
    assert box.anchors == []
    box.told(MOST + 2, 1)
    assert [anchor.at_ms for anchor in box.anchors] == [MOST]
