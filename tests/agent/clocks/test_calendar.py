"""The surest of all that was offered: clocks that are set, that start in 1970 or say 2038, and sources that differ."""

from __future__ import annotations

import logging
import threading

import pytest
from msgspec.structs import replace

from agent.clocks.calendar import CONVINCED, GAIN_MS, Calendar
from agent.clocks.system import system_anchor
from contract.anchor import Anchor, AnchorSource

UTC_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
YEAR_2038_MS = 2_147_483_648_000
BRIDGE, GNSS, SYSTEM = AnchorSource.BRIDGE, AnchorSource.GNSS, AnchorSource.SYSTEM


def anchor(at_ms: int, source: AnchorSource = GNSS, off_ms: int = 0, uncertainty_ms: int = 300) -> Anchor:
    return Anchor(at_ms, UTC_MS + at_ms + off_ms, uncertainty_ms, source)


def date(calendar: Calendar, at_ms: int) -> int:
    known = calendar.utc_ms(at_ms)
    assert known is not None
    return known[0]


class Box:
    """A box's clocks, handed to what asks for them: nobody waits for an hour here."""

    def __init__(self) -> None:
        self.boot_ms = 5000
        self.system_ms = 20_000
        """As after a night without a battery: some seconds of 1970."""
        self.error_ms: int | None = None

    def pass_time(self, ms: int) -> None:
        self.boot_ms += ms
        self.system_ms += ms

    def set_by_ntp(self) -> None:
        self.system_ms, self.error_ms = UTC_MS + self.boot_ms, 20

    def set_by_hand(self, utc_ms: int) -> None:
        """`settimeofday`: the kernel forgets that it was synchronised."""
        self.system_ms, self.error_ms = utc_ms, None

    def anchor(self) -> Anchor | None:
        return system_anchor(lambda: self.error_ms, lambda: self.boot_ms, lambda: self.system_ms)


def test_a_clock_in_1970_dates_nothing_and_one_that_ntp_sets_then_dates_all_of_the_boot() -> None:
    box, calendar = Box(), Calendar()
    for _ in range(10):
        calendar.offer(box.anchor())
        box.pass_time(MINUTE_MS)
    assert calendar.anchor is None
    assert calendar.utc_ms(box.boot_ms) is None
    box.set_by_ntp()
    calendar.offer(box.anchor())
    assert date(calendar, 0) == UTC_MS


@pytest.mark.parametrize("wrong_ms", [0, 20_000, YEAR_2038_MS, UTC_MS - HOUR_MS])
def test_a_clock_that_is_set_by_hand_while_running_changes_nothing_that_is_dated(wrong_ms: int) -> None:
    box, calendar = Box(), Calendar()
    box.set_by_ntp()
    calendar.offer(box.anchor())
    first = calendar.anchor
    for _ in range(10):
        box.set_by_hand(wrong_ms)
        box.pass_time(MINUTE_MS)
        calendar.offer(box.anchor())
    assert calendar.anchor == first
    assert date(calendar, box.boot_ms) == UTC_MS + box.boot_ms


@pytest.mark.parametrize("wrong_ms", [20_000, YEAR_2038_MS, UTC_MS + HOUR_MS])
@pytest.mark.parametrize("other", [GNSS, BRIDGE])
def test_a_clock_that_is_kept_wrong_by_ntp_is_refused_by_one_that_is_trusted_more(
    wrong_ms: int, other: AnchorSource, caplog: pytest.LogCaptureFixture
) -> None:
    box, calendar = Box(), Calendar()
    box.system_ms, box.error_ms = wrong_ms, 1
    calendar.offer(box.anchor())
    calendar.offer(anchor(box.boot_ms, other, uncertainty_ms=900))
    for _ in range(8):
        box.pass_time(MINUTE_MS)
        calendar.offer(box.anchor())
    assert date(calendar, 0) == UTC_MS
    assert calendar.anchor == anchor(5000, other, uncertainty_ms=900)
    assert calendar.refused[SYSTEM] >= 8
    assert caplog.text.count("a time of system is not believed") == 4


def test_ntp_that_steps_a_clock_which_it_had_wrong_is_heard_when_it_stays_with_it() -> None:
    box, calendar = Box(), Calendar()
    box.set_by_ntp()
    box.system_ms += HOUR_MS
    calendar.offer(box.anchor())
    assert date(calendar, 0) == UTC_MS + HOUR_MS
    box.set_by_ntp()
    for _ in range(CONVINCED):
        assert date(calendar, 0) == UTC_MS + HOUR_MS
        box.pass_time(MINUTE_MS)
        calendar.offer(box.anchor())
    assert date(calendar, 0) == UTC_MS


@pytest.mark.parametrize("utc_ms", [0, UTC_MS - 1024 * 7 * 24 * HOUR_MS, 4_102_444_800_000])
def test_a_time_that_cannot_be_true_is_refused_and_said(utc_ms: int, caplog: pytest.LogCaptureFixture) -> None:
    calendar = Calendar()
    calendar.offer(Anchor(5000, utc_ms, 1, GNSS))
    assert calendar.anchor is None
    assert calendar.refused == {GNSS: 1}
    assert "a time of gnss is not believed, 1 by now: it says " in caplog.text
    assert ", which cannot be" in caplog.text


def test_a_time_that_is_not_believed_is_said_as_people_write_it_beside_the_one_that_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calendar = Calendar()
    calendar.offer(Anchor(5000, 1_627_274_450_708, 1, GNSS))
    calendar.offer(Anchor(6000, 1_627_274_455_012, 1, SYSTEM))
    said = "it says 2021-07-26T04:40:55.012Z, the surest known says 2021-07-26T04:40:51.708Z"
    assert f"a time of system is not believed, 1 by now: {said}" in caplog.text
    calendar.offer(Anchor(7000, 1 << 62, 1, GNSS))
    assert f"it says {1 << 62} ms since 1970" in caplog.text


def test_the_first_time_of_a_receiver_that_lacks_the_leap_seconds_is_given_up() -> None:
    calendar = Calendar()
    calendar.offer(anchor(0, off_ms=18_000))
    for number in range(1, 5):
        calendar.offer(anchor(number * MINUTE_MS))
    assert date(calendar, 0) == UTC_MS
    one_glitch = anchor(6 * MINUTE_MS, off_ms=-18_000)
    calendar.offer(one_glitch)
    calendar.offer(anchor(7 * MINUTE_MS))
    calendar.offer(one_glitch)
    calendar.offer(anchor(8 * MINUTE_MS))
    calendar.offer(one_glitch)
    assert date(calendar, 0) == UTC_MS


def test_an_upload_s_anchor_is_replaced_only_by_one_that_is_substantially_better_by_now() -> None:
    calendar = Calendar()
    anchors = []
    for minute in range(6 * 60):
        calendar.offer(anchor(minute * MINUTE_MS, SYSTEM, uncertainty_ms=20))
        anchors.append(calendar.anchor)
    assert len(set(anchors)) == 11
    at_ms = 100 * MINUTE_MS
    known = calendar.utc_ms(at_ms)
    assert known is not None
    calendar.offer(anchor(0, GNSS, uncertainty_ms=1000 + GAIN_MS))
    assert calendar.anchor == anchors[-1]


def test_what_is_surer_is_taken_at_once_and_what_is_less_sure_is_not() -> None:
    calendar = Calendar()
    calendar.offer(anchor(0, BRIDGE, 400, 900))
    assert calendar.anchor == anchor(0, BRIDGE, 400, 900)
    calendar.offer(anchor(1000, GNSS))
    assert calendar.anchor == anchor(1000, GNSS)
    calendar.offer(anchor(2000, BRIDGE, 400, 900))
    assert calendar.anchor == anchor(1000, GNSS)
    assert calendar.refused == {}


def test_the_time_now_is_the_surer_the_newer_it_was_read_whatever_uploads_carry() -> None:
    calendar = Calendar()
    calendar.offer(anchor(0))
    calendar.offer(anchor(20 * MINUTE_MS))
    assert calendar.anchor == anchor(0)
    assert calendar.utc_ms(20 * MINUTE_MS) == (UTC_MS + 20 * MINUTE_MS, 300)
    assert calendar.utc_ms(40 * MINUTE_MS) == (UTC_MS + 40 * MINUTE_MS, 360)


def test_sources_in_threads_of_their_own_may_offer_at_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    calendar = Calendar()

    def offer(source: AnchorSource) -> None:
        for number in range(300):
            calendar.offer(replace(anchor(number * 1000), source=source))

    threads = [threading.Thread(target=offer, args=(source,)) for source in (GNSS, BRIDGE, SYSTEM)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calendar.refused == {}
    assert date(calendar, 0) == UTC_MS
