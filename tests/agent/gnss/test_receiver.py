"""The receiver is read through a pseudo-terminal: the same system calls as a serial port."""

from __future__ import annotations

import os
import time
import tty
from collections.abc import Callable
from pathlib import Path

from agent.gnss.fix import Fix
from agent.gnss.receiver import Receiver
from tests.agent.gnss.test_nmea import START_UTC_MS, gga, rmc


def gather(receiver: Receiver, enough: Callable[[list[Fix]], bool]) -> list[Fix]:
    found: list[Fix] = []
    deadline = time.monotonic() + 10
    while not enough(found) and time.monotonic() < deadline:
        found += receiver.read(0.1)
    return found


def test_a_burst_ends_with_the_pause_after_it_and_bears_the_time_of_its_arrival() -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    with Receiver(os.ttyname(theirs)) as receiver:
        assert receiver.read(0) == []
        # The port was opened in the middle of a sentence; and one is damaged on its way.
        os.write(ours, f"1,N,00959.28\r\n{rmc('050001')}\r\n{gga('050001')}\r\n{gga('050001')[:-1]}Z\r\n".encode())
        begin_ms = time.monotonic_ns() // 1_000_000
        found = gather(receiver, bool)
        end_ms = time.monotonic_ns() // 1_000_000
    os.close(ours)
    os.close(theirs)

    assert len(found) == 1
    assert begin_ms - 100 <= found[0].at_ms <= end_ms
    assert (found[0].utc_ms, found[0].fix) == (START_UTC_MS + 1000, 3)
    assert receiver.losses.unreadable == 1


def test_a_receiver_that_is_plugged_in_again_is_read_again(tmp_path: Path) -> None:
    link = tmp_path / "gnss"
    with Receiver(str(link)) as receiver:
        assert receiver.read(0.01) == []  # Nothing there yet, and no waiting for it.

        ours, theirs = os.openpty()
        tty.setraw(theirs)
        link.symlink_to(os.ttyname(theirs))
        deadline = time.monotonic() + 10
        while receiver.losses.recovered == 0 and time.monotonic() < deadline:
            receiver.read(0.05)
        os.write(ours, f"{rmc('050001')}\r\n".encode())
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
        os.write(ours, f"{rmc('050003', status='V')}\r\n".encode())
        found = gather(receiver, bool)
        os.close(ours)
        os.close(theirs)
    assert [(fix.utc_ms, fix.latitude) for fix in found] == [(None, None)]
