"""A bus is read in bursts: every frame that counts comes out, in order, with the kernel's time; the rest is counted."""

from __future__ import annotations

import logging
import time

import pytest
from msgspec.structs import replace

from agent.bus.socketcan.packets import MOST
from agent.bus.socketcan.stamps import Stamps
from agent.bus.wanted import Listening
from tests.agent.bus.socketcan.wire import Wire, packed, sampled

EACH = 0x100
NEWEST = 0x200
LONG = 0x18FEDF00
LISTENING = Listening(
    "can0", frozenset({(EACH, False), (LONG, True)}), {(NEWEST, False): sampled()}, frozenset(), step_ms=1 << 40
)  # No sample is due in a test.
REMOTE, ERROR = 0x4000_0000, 0x2000_0000


def taught(wire: Wire) -> None:
    """The bus has been heard for long enough to know how often the sampled message comes."""
    for _ in range(40):
        wire.send(packed(NEWEST, bytes(8)))
        wire.read()


def test_each_frame_of_a_message_that_is_looked_at_comes_out() -> None:
    with Wire(LISTENING) as wire:
        wire.send(*(packed(EACH, bytes([number])) for number in range(200)))
        frames = wire.read()
    assert [frame.data for frame in frames] == [bytes([number]) for number in range(200)]
    assert {frame[1:4] for frame in frames} == {("can0", EACH, False)}


def test_of_a_message_that_is_sampled_only_the_newest_comes_out_and_the_others_are_counted() -> None:
    with Wire(LISTENING) as wire:
        taught(wire)
        wire.send(*(packed(NEWEST, number.to_bytes(8, "big")) for number in range(50)), packed(EACH, b"\1"))
        frames = wire.read()
        assert [(frame.id, frame.data) for frame in frames] == [(NEWEST, (49).to_bytes(8, "big")), (EACH, b"\1")]
        assert wire.losses.passed_over == 49


def test_of_a_message_that_is_watched_from_now_on_each_frame_comes_out_until_it_is_no_more() -> None:
    watched = replace(LISTENING, each=LISTENING.each | LISTENING.sampled.keys(), sampled={})
    burst = [packed(NEWEST, number.to_bytes(8, "big")) for number in range(50)]
    with Wire(LISTENING) as wire:
        taught(wire)
        wire.send(*burst)  # Not read yet when it is asked for.
        wire.bus.listen(watched)
        assert len(wire.read()) == 50
        wire.send(*burst)
        assert len(wire.read()) == 50
        wire.bus.listen(LISTENING)
        taught(wire)
        wire.send(*burst)
        assert [frame.data for frame in wire.read()] == [(49).to_bytes(8, "big")]


def test_a_sample_that_is_due_within_a_burst_finds_the_newest_before_it() -> None:
    listening = Listening("can0", frozenset(), {(NEWEST, False): sampled()}, frozenset(), step_ms=100)
    with Wire(listening) as wire:
        taught(wire)
        for number in range(60):
            wire.send(packed(NEWEST, number.to_bytes(8, "big")))
            time.sleep(0.005)
        frames = wire.read()
    assert 3 <= len({-(-frame.at_ms // 100) for frame in frames}) == len(frames) < 60
    assert frames[-1].data == (59).to_bytes(8, "big")


def test_what_comes_after_a_gap_comes_out_frame_by_frame_because_freshness_is_learnt_from_gaps() -> None:
    with Wire(LISTENING) as wire:
        wire.send(*[packed(NEWEST, bytes(8))] * 5)
        assert len(wire.read()) == 5
        taught(wire)
        wire.send(*[packed(NEWEST, bytes(8))] * 5)
        assert len(wire.read()) == 1
        time.sleep(1.1)
        wire.send(*[packed(NEWEST, bytes(8))] * 5)
        assert len(wire.read()) == 5


def test_times_are_the_kernels_on_the_boots_clock() -> None:
    with Wire(LISTENING) as wire:
        before_ms = wire.stamps.begin()
        wire.send(packed(EACH, b"\1"))
        time.sleep(0.05)
        wire.send(packed(EACH, b"\2"))
        first, second = wire.read()
    assert before_ms <= first.at_ms <= second.at_ms - 49
    assert second.at_ms <= wire.stamps.now_ms


def test_what_comes_while_the_reader_is_held_up_between_the_clocks_and_its_socket_keeps_its_time() -> None:
    with Wire(LISTENING) as wire:
        assert wire.read() == []
        wire.stamps.begin()
        wire.send(packed(EACH, b"\1"))
        time.sleep(0.3)
        wire.send(packed(EACH, b"\2"))
        first, second = wire.bus.read()
    assert second.at_ms - first.at_ms >= 299


@pytest.mark.parametrize("step_s", [3600, -3600])
def test_a_step_of_the_systems_clock_changes_no_order_and_dates_nothing_beyond_its_burst(step_s: int) -> None:
    stepped = False

    def clocks_ns() -> tuple[int, int]:
        # The frames bear the machine's time; here the clock is set between their coming and their being read.
        return time.monotonic_ns(), time.time_ns() + (step_s * 1_000_000_000 if stepped else 0)

    with Wire(LISTENING, stamps=Stamps(clocks_ns)) as wire:
        wire.send(packed(EACH, b"\1"))
        (before,) = wire.read()
        wire.send(packed(EACH, b"\2"), packed(EACH, b"\3"))
        stepped = True
        second, third = wire.read()
        assert wire.stamps.earliest_ms <= second.at_ms <= third.at_ms <= wire.stamps.latest_ms
    assert before.at_ms <= second.at_ms
    assert [second.data, third.data] == [b"\2", b"\3"]


def test_a_burst_larger_than_a_call_is_read_whole() -> None:
    with Wire(LISTENING) as wire:
        count = MOST + 10
        wire.send(*(packed(EACH, number.to_bytes(2, "big")) for number in range(count)))
        assert [int.from_bytes(frame.data, "big") for frame in wire.read()] == list(range(count))


def test_ids_of_29_bits_and_can_fd_come_out_as_what_they_are() -> None:
    payload = bytes(range(64))
    with Wire(LISTENING, fd=True) as wire:
        wire.send(
            packed(LONG, b"\1\2", extended=True),
            packed(EACH, payload, fd=True),
            packed(EACH, b"\3"),
            packed(LONG, b"", extended=False),
        )
        frames = wire.read()
    assert [frame[2:] for frame in frames] == [
        (LONG, True, b"\1\2", False),
        (EACH, False, payload, True),
        (EACH, False, b"\3", False),
    ]


def test_a_length_that_no_frame_has_takes_no_foreign_bytes() -> None:
    with Wire(LISTENING) as wire:
        wire.send(bytes(packed(EACH, bytes(8))[:4]) + b"\xff" + bytes(11))
        (frame,) = wire.read()
    assert frame.data == bytes(8)


def test_frames_of_another_length_than_the_usual_are_all_handed_on() -> None:
    with Wire(LISTENING) as wire:
        taught(wire)
        wire.send(*[packed(NEWEST, b"\1")] * 3, *[packed(NEWEST, bytes(8))] * 3)
        assert [len(frame.data) for frame in wire.read()] == [1, 1, 1, 8]


def test_remote_and_error_frames_are_counted_and_no_frames() -> None:
    with Wire(LISTENING) as wire:
        wire.send(packed(EACH | REMOTE, b""), packed(EACH | REMOTE, b""), packed(ERROR | 0x04, bytes(8)))
        assert wire.read() == []
        assert (wire.losses.remote, wire.losses.error, wire.losses.passed_over) == (2, 1, 0)


def test_a_bus_off_is_counted_and_named_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    with Wire(LISTENING) as wire, caplog.at_level(logging.WARNING):
        wire.send(*[packed(ERROR | 0x40, bytes(8))] * 500, *[packed(ERROR | 0x08, bytes(8))] * 500)
        wire.read()
        wire.send(*[packed(ERROR | 0x40, bytes(8))] * 500)
        wire.read()
        assert (wire.losses.bus_off, wire.losses.error) == (1000, 1500)
    assert sum("bus off" in record.getMessage() for record in caplog.records) == 1
    assert len(caplog.records) == 2


def test_what_nobody_wants_is_counted_and_not_handed_on() -> None:
    with Wire(LISTENING) as wire:
        wire.send(packed(0x7FF, b"\1"), packed(EACH, b"\1", extended=True))
        assert wire.read() == []
        assert wire.losses.passed_over == 2


def test_a_bus_of_random_ids_does_not_fill_the_memory() -> None:
    with Wire(LISTENING) as wire:
        for start in range(0, 1 << 15, MOST):
            wire.send(*(packed(number, b"\1", extended=True) for number in range(start, start + MOST)))
            wire.read()
        wire.send(packed(EACH, b"\1"), packed(NEWEST, bytes(8)))
        assert len(wire.read()) == 2


def test_a_silent_bus_is_noticed_once_and_when_it_speaks_again(caplog: pytest.LogCaptureFixture) -> None:
    now_ms = 1_000_000
    stamps = Stamps(lambda: (now_ms * 1_000_000, time.time_ns()))
    with Wire(LISTENING, stamps=stamps) as wire, caplog.at_level(logging.INFO):
        wire.read()
        for _ in range(3):
            now_ms += 40_000
            wire.read()
        assert wire.losses.silent == 1
        wire.send(packed(EACH, b"\1"))
        wire.read()
        assert wire.losses.silent == 0
    said = [record.getMessage() for record in caplog.records]
    assert said == ["bus can0: pair is silent: nothing that is wanted for 30 s", "bus can0: pair speaks again"]


def test_a_bus_that_only_yields_error_frames_is_named_with_the_remedy_whenever_they_begin(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now_ms = 1_000_000
    stamps = Stamps(lambda: (now_ms * 1_000_000, time.time_ns()))
    error = packed(ERROR | 0x88, bytes(8))
    with Wire(LISTENING, stamps=stamps) as wire, caplog.at_level(logging.INFO):

        def passes(seconds: int, *packets: bytes) -> int:
            nonlocal now_ms
            for _ in range(seconds):
                now_ms += 1_000
                wire.send(*packets)
                wire.read()
            return wire.losses.only_errors

        wire.read()
        # The first as the bus falls asleep, and then none.
        assert passes(1, packed(EACH, b"\1")) == 0
        assert passes(1, error) == passes(40) == 0
        assert wire.losses.silent == 1
        # The vehicle wakes.
        assert passes(1, error) == passes(40, error) == 1
        assert passes(1, packed(EACH, b"\1"), error) == wire.losses.silent == 0
        assert passes(40, error) == wire.losses.silent == 1
        assert passes(5, packed(EACH, b"\1"), error) == wire.losses.silent == 0
    said = [record.getMessage() for record in caplog.records if record.name == "agent.bus.silence"]
    silent, named, again, named_again, at_last = said
    assert silent == "bus can0: pair is silent: nothing that is wanted for 30 s"
    assert named == named_again
    assert "nothing but error frames for 30 s: is the interface's bit rate that of the vehicle's bus" in named
    assert again == at_last == "bus can0: pair speaks again"


def test_what_the_kernel_had_no_room_for_is_counted() -> None:
    with Wire(LISTENING, room=8192) as wire:
        sent = read = 0
        for _ in range(3):
            wire.send(*[packed(EACH, b"\1")] * 500)
            sent += 500
            read += len(wire.read())
        # The count of drops comes with the next frame.
        wire.send(packed(EACH, b"\2"))
        read += len(wire.read())
        assert wire.losses.overrun > 0
        assert read + wire.losses.overrun == sent + 1
