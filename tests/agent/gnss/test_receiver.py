"""The receiver is read through a pseudo-terminal: the same system calls as a serial port."""

from __future__ import annotations

import datetime
import logging
import os
import random
import select
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Self

import pytest

from agent.bus.losses import Damage, Losses
from agent.gnss.fix import Fix
from agent.gnss.receiver import Receiver
from agent.gnss.receiver_time import WEEKS_1024_MS, WRITTEN_UTC_MS, rolled_over
from tests.agent.bridge import eventually
from tests.agent.gnss.test_nmea import gga, rmc, sentence

TODAY = "260726"


def utc_ms(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    moment = datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.UTC)
    return round(moment.timestamp() * 1000)


class Port:
    """A pseudo-terminal with a receiver at the other end."""

    def __init__(self) -> None:
        self.ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.name = os.ttyname(self._theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.ours)
        os.close(self._theirs)

    def says(self, *sentences: str) -> None:
        os.write(self.ours, "".join(f"{each}\r\n" for each in sentences).encode())

    def arrived(self) -> None:
        """Waits until what was said can be read: the kernel carries it over when it comes to it."""
        assert select.select([self._theirs], [], [], 60)[0]


def said(receiver: Receiver, port: Port, *bursts: tuple[str, ...]) -> list[Fix]:
    """The fixes of bursts that come one after the other, with the pause between them that ends an instant."""
    receiver.read(0)
    found: list[Fix] = []
    for burst in bursts:
        port.says(*burst)
        fixes: list[Fix] = []
        deadline = time.monotonic() + 60
        while not fixes and time.monotonic() < deadline:
            fixes = receiver.read(0.2)
        found += fixes
    return found


def gather(receiver: Receiver, enough: Callable[[list[Fix]], bool]) -> list[Fix]:
    found: list[Fix] = []
    deadline = time.monotonic() + 60
    while not enough(found) and time.monotonic() < deadline:
        found += receiver.read(0.1)
    return found


def test_a_burst_ends_with_the_pause_after_it_and_bears_the_time_of_its_arrival() -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    with Receiver(os.ttyname(theirs)) as receiver:
        assert receiver.read(0) == []
        # The port was opened in the middle of a sentence; and one is damaged on its way.
        os.write(
            ours, f"1,N,00959.28\r\n{rmc('050001', TODAY)}\r\n{gga('050001')}\r\n{gga('050001')[:-1]}Z\r\n".encode()
        )
        begin_ms = time.monotonic_ns() // 1_000_000
        found = gather(receiver, bool)
        end_ms = time.monotonic_ns() // 1_000_000
    os.close(ours)
    os.close(theirs)

    assert len(found) == 1
    assert begin_ms - 100 <= found[0].at_ms <= end_ms
    assert (found[0].utc_ms, found[0].fix) == (utc_ms(2026, 7, 26, 5, 0, 1), 3)
    assert receiver.losses.unreadable == 1


def test_a_receiver_that_is_plugged_in_again_is_read_again(tmp_path: Path) -> None:
    link = tmp_path / "gnss"
    with Receiver(str(link)) as receiver:
        assert receiver.read(0.01) == []  # Nothing there yet, and no waiting for it.

        ours, theirs = os.openpty()
        tty.setraw(theirs)
        link.symlink_to(os.ttyname(theirs))
        deadline = time.monotonic() + 60
        while receiver.losses.recovered == 0 and time.monotonic() < deadline:
            receiver.read(0.05)
        os.write(ours, f"{rmc('050001', TODAY)}\r\n".encode())
        assert len(gather(receiver, bool)) == 1

        os.close(ours)
        os.close(theirs)
        link.unlink()
        assert receiver.read(0.2) == []

        ours, theirs = os.openpty()
        tty.setraw(theirs)
        link.symlink_to(os.ttyname(theirs))
        while receiver.losses.recovered < 2 and time.monotonic() < deadline:
            receiver.read(0.05)
        os.write(ours, f"{rmc('050003', TODAY, status='V')}\r\n".encode())
        found = gather(receiver, bool)
        os.close(ours)
        os.close(theirs)
    assert [(fix.utc_ms, fix.latitude) for fix in found] == [(None, None)]


def test_a_receiver_that_counts_its_weeks_anew_is_1024_weeks_early_and_is_brought_right() -> None:
    assert rolled_over(utc_ms(2026, 7, 26)) == utc_ms(2026, 7, 26)
    assert rolled_over(utc_ms(2026, 7, 26) - WEEKS_1024_MS) == utc_ms(2026, 7, 26)
    assert rolled_over(utc_ms(2026, 7, 26) - 2 * WEEKS_1024_MS) == utc_ms(2026, 7, 26)
    assert rolled_over(WRITTEN_UTC_MS) == WRITTEN_UTC_MS
    assert rolled_over(WRITTEN_UTC_MS - 1) == WRITTEN_UTC_MS - 1 + WEEKS_1024_MS
    early = datetime.date(2026, 7, 26) - datetime.timedelta(weeks=1024)
    with Port() as port, Receiver(port.name) as receiver:
        (fix,) = said(receiver, port, (rmc("050001", early.strftime("%d%m%y")),))
    assert fix.utc_ms == utc_ms(2026, 7, 26, 5, 0, 1)
    assert fix.latitude is not None


def test_a_leap_second_has_a_position_and_no_time() -> None:
    with Port() as port, Receiver(port.name) as receiver:
        found = said(
            receiver,
            port,
            (rmc("235959", "311226"), gga("235959")),
            (rmc("235960", "311226"), gga("235960")),
            (rmc("000000", "010127"), gga("000000")),
        )
    assert [fix.utc_ms for fix in found] == [utc_ms(2026, 12, 31, 23, 59, 59), None, utc_ms(2027, 1, 1)]
    assert [fix.fix for fix in found] == [3, 3, 3]
    assert receiver.losses.unreadable == 0


def test_midnight_belongs_to_the_day_that_its_own_sentence_names() -> None:
    with Port() as port, Receiver(port.name) as receiver:
        found = said(
            receiver,
            port,
            (gga("235959.5"), rmc("235959.5", TODAY)),
            (gga("000000"), rmc("000000", "270726")),
            (gga("000000.5"),),
        )
    assert [fix.utc_ms for fix in found] == [utc_ms(2026, 7, 26, 23, 59, 59) + 500, utc_ms(2026, 7, 27), None]


def test_a_fix_that_is_said_again_is_of_no_other_moment() -> None:
    clock = iter(range(0, 1_000_000, 700))
    now_ms = 0

    def tick() -> int:
        return now_ms

    with Port() as port, Receiver(port.name, monotonic_ms=tick) as receiver:
        receiver.read(0)
        found: list[Fix] = []
        for burst in (
            (rmc("050001", TODAY),),
            (rmc("050001", TODAY),),
            (rmc("050001", TODAY),),
            (rmc("050002", TODAY),),
        ):
            port.says(*burst)
            now_ms = next(clock)
            found += _until_idle(receiver, port)
    assert [fix.utc_ms for fix in found] == [utc_ms(2026, 7, 26, 5, 0, 1), utc_ms(2026, 7, 26, 5, 0, 2)]
    assert receiver.stale == 2


def _until_idle(receiver: Receiver, port: Port) -> list[Fix]:
    """Reads what was said until a read finds nothing more: the pause that ended the burst has been seen."""
    port.arrived()
    found = receiver.read(0)
    return found + receiver.read(0) + receiver.read(0)


def test_in_two_dimensions_there_is_no_altitude_and_without_a_fix_nothing() -> None:
    flat, none = sentence("GNGSA,A,2,01,02,03,,,,,,,,,,2.0,1.0,1.7"), sentence("GNGSA,A,1,,,,,,,,,,,,,9.9,9.9,9.9")
    with Port() as port, Receiver(port.name) as receiver:
        found = said(
            receiver,
            port,
            (rmc("050001", TODAY), gga("050001"), flat),
            (rmc("050002", TODAY, status="V"), gga("050002", quality=0), none),
            (rmc("050003", TODAY, mode="E"), gga("050003", quality=6)),
        )
    assert [(fix.fix, fix.altitude_m, fix.latitude is None) for fix in found] == [
        (2, None, False),
        (None, None, True),
        (None, None, True),
    ]
    assert found[1].utc_ms is None


def test_garbage_and_a_wrong_baud_rate_are_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    noise = random.Random(7)
    with Port() as port, Receiver(port.name) as receiver, caplog.at_level(logging.WARNING):
        receiver.read(0)
        for _ in range(40):
            os.write(port.ours, noise.randbytes(400))
            receiver.read(0)
        for number in range(120):
            os.write(port.ours, b"\x80\x00\xf8\xfe%d\n" % number)
            receiver.read(0)
        assert eventually(lambda: receiver.read(0) == [] and receiver.losses.unreadable >= 120)
        # And it is read at once when it makes sense again.
        port.says("", rmc("050009", TODAY))
        assert [fix.utc_ms for fix in gather(receiver, bool)] == [utc_ms(2026, 7, 26, 5, 0, 9)]
    assert [record.message for record in caplog.records if "baud" in record.message] == [
        f"GNSS receiver: {port.name}: no sentence at 9600 baud: is that its baud rate, and is it set to send NMEA 0183?"
    ]


def test_wrong_checksums_are_counted_and_no_position_is_told_of_them() -> None:
    told: list[Damage] = []
    wrong = [gga(f"0500{second:02}").replace(",09,", ",08,") for second in range(3)]
    wrong.append(rmc("050009", TODAY).replace(",230.0,", ",231.0,"))
    with Port() as port, Receiver(port.name, losses=Losses(told.append)) as receiver:
        receiver.read(0)
        port.says(*wrong)
        assert _until_idle(receiver, port) == []
    assert receiver.losses.unreadable == 4
    assert all("5557" not in str(damage) and "00959" not in str(damage) for damage in told)
    assert "$GNGGA" in str(told[0])
