from __future__ import annotations

import logging
import os
import pty
import time
import tty
import uuid
from collections.abc import Callable

import can
import pytest

from agent.bus.frame import Frame
from agent.bus.interface import Interface, InterfaceError


def gather(reader: Interface, enough: Callable[[list[Frame]], bool], limit_s: float = 60) -> list[Frame]:
    frames: list[Frame] = []
    deadline = time.monotonic() + limit_s
    while not enough(frames) and time.monotonic() < deadline:
        frames += reader.read(0.05)
    return frames


def test_data_frames_arrive_in_order_and_the_others_are_counted() -> None:
    channel = str(uuid.uuid4())
    with can.Bus(channel, "virtual") as sender, Interface("comfort", "virtual", channel) as reader:
        assert reader.read(0) == []
        for number in range(50):
            sender.send(can.Message(arbitration_id=0x100 + number, data=[number], is_extended_id=number % 2 == 1))
        sender.send(can.Message(arbitration_id=1, is_remote_frame=True))
        sender.send(can.Message(is_error_frame=True))
        sender.send(can.Message(arbitration_id=2, is_fd=True, data=bytes(64), is_extended_id=False))

        frames = gather(reader, lambda frames: len(frames) == 51)

    assert [(frame.id, frame.extended, frame.data) for frame in frames[:50]] == [
        (0x100 + number, number % 2 == 1, bytes([number])) for number in range(50)
    ]
    assert frames[50][2:] == (2, False, bytes(64), True)
    assert {frame.bus for frame in frames} == {"comfort"}
    assert [frame.at_ms for frame in frames] == sorted(frame.at_ms for frame in frames)
    assert (reader.losses.remote, reader.losses.error) == (1, 1)


def test_a_silent_bus_gives_empty_batches_so_that_time_can_pass() -> None:
    with Interface("can0", "virtual", str(uuid.uuid4())) as reader:
        batches = reader.batches(wait_s=0.01)
        assert [next(batches), next(batches)] == [[], []]


def test_a_bus_that_says_nothing_is_said_to_be_silent_once_and_to_speak_again(caplog: pytest.LogCaptureFixture) -> None:
    channel, now_ms = str(uuid.uuid4()), 0
    with (
        caplog.at_level(logging.INFO),
        can.Bus(channel, "virtual") as sender,
        Interface("can0", "virtual", channel, monotonic_ms=lambda: now_ms) as reader,
    ):
        for now_ms in (0, 29_000, 31_000, 90_000):  # noqa: B007 (the clock)
            assert reader.read(0) == []
        assert reader.losses.silent == 1
        sender.send(can.Message(arbitration_id=1, data=[1], is_extended_id=False))
        assert len(gather(reader, bool)) == 1
        assert reader.losses.silent == 0
    said = [record.getMessage() for record in caplog.records if record.name.startswith("agent")]
    what = f"bus can0: virtual {channel}"
    assert said == [f"{what} is silent: nothing that is wanted for 30 s", f"{what} speaks again"]


def test_an_interface_that_fails_is_opened_again_and_counted() -> None:
    channel = str(uuid.uuid4())
    with Interface("can0", "virtual", channel) as reader:
        assert reader.read(0) == []
        opened = reader._open
        assert opened is not None
        opened.shutdown()  # As if the adapter had been unplugged: reading it fails from now on.

        with can.Bus(channel, "virtual") as sender:
            frames: list[Frame] = []
            deadline = time.monotonic() + 60
            while not frames and time.monotonic() < deadline:
                sender.send(can.Message(arbitration_id=0x123, data=[1]))
                frames += reader.read(0.05)

    assert frames
    assert frames[0].id == 0x123
    assert reader.losses.recovered == 1


def test_an_interface_that_cannot_be_opened_yet_does_not_hold_up_the_reader() -> None:
    waited_s: list[float] = []
    with Interface("can0", "slcan", "/dev/does-not-exist", monotonic_ms=lambda: 0, sleep=waited_s.append) as reader:
        assert reader.read(0.05) == []
        assert reader.read(0.05) == []
        assert sum(waited_s) <= 2 * 0.05


def test_an_unknown_interface_is_an_error_that_names_it() -> None:
    with (
        Interface("comfort", "no-such-interface", "x") as reader,
        pytest.raises(InterfaceError, match="no-such-interface"),
    ):
        reader.read(0)


def test_of_an_interface_that_is_misspelt_the_nearest_is_named() -> None:
    with (
        Interface("comfort", "socketcn", "can0") as reader,
        pytest.raises(
            InterfaceError, match=r"^bus comfort: python-can has no interface socketcn; did you mean socketcan\?$"
        ),
    ):
        reader.read(0)


def test_an_interface_that_does_not_take_what_it_is_given_says_why_itself() -> None:
    with (
        Interface("comfort", "kvaser", "can0") as reader,
        pytest.raises(
            InterfaceError, match=r"^bus comfort: python-can cannot open kvaser can0: channel must be an integer$"
        ),
    ):
        reader.read(0)


def test_a_garbled_line_of_a_serial_adapter_costs_only_itself() -> None:
    ours, theirs = pty.openpty()
    try:
        tty.setraw(ours)
        with Interface("can0", "slcan", os.ttyname(theirs)) as reader:
            while not reader.is_open:
                reader.read(0.05)
            os.write(ours, b"t1G32011223\rt12\rT0000\rt1232xx\rtt1232\r\rt12320102\r")
            (frame,) = gather(reader, bool)
        assert (frame.id, frame.data) == (0x123, b"\x01\x02")
        assert reader.losses.unreadable > 0
    finally:
        os.close(ours)
        os.close(theirs)
