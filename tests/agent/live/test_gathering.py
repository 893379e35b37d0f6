"""Frames of several live sources come out as one stream in the order of time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import can
import pytest

from agent.bus.frame import Frame
from agent.bus.interface import Interface, InterfaceError
from agent.clocks.system import monotonic_ms
from agent.live.gathering import Gathering
from tests.agent.bridge import eventually


class Recorded:
    """A source that says what it is told to, in time."""

    def __init__(self, bus: str, period_s: float, count: int, clock_ms: Callable[[], int] = monotonic_ms) -> None:
        self._bus = bus
        self._period_s = period_s
        self._left = count
        self._clock_ms = clock_ms
        self.closed = False

    def read(self, wait_s: float) -> list[Frame]:
        if not self._left:
            time.sleep(wait_s)
            return []
        time.sleep(self._period_s)
        self._left -= 1
        return [Frame(self._clock_ms(), self._bus, self._left, False, b"")]

    def close(self) -> None:
        self.closed = True


class Broken:
    def read(self, wait_s: float) -> list[Frame]:
        raise InterfaceError(f"bus can0: no such interface (waited {wait_s:.0f} s)")

    def close(self) -> None:
        return


def taken(live: Iterator[list[Frame]], count: int) -> list[Frame]:
    frames: list[Frame] = []
    deadline_s = time.monotonic() + 60
    while len(frames) < count and time.monotonic() < deadline_s:
        frames += next(live)
    return frames


def test_sources_are_merged_in_the_order_of_time_and_nothing_is_lost() -> None:
    sources = [Recorded("a", 0.003, 200), Recorded("b", 0.005, 100), Recorded("c", 0.05, 10)]
    with Gathering(sources, monotonic_ms) as live:
        frames = taken(live.batches(0.05), 310)
    assert [frame.at_ms for frame in frames] == sorted(frame.at_ms for frame in frames)
    assert {bus: sum(frame.bus == bus for frame in frames) for bus in "abc"} == {"a": 200, "b": 100, "c": 10}
    assert all(source.closed for source in sources)


def test_time_passes_on_silent_buses() -> None:
    with Gathering([Recorded("a", 0, 0)], monotonic_ms) as live:
        batches = live.batches(0.02)
        assert next(batches) == []
        first_ms = live.settled_ms
        assert next(batches) == []
        assert first_ms < live.settled_ms <= monotonic_ms()


def test_the_rest_comes_out_at_the_end() -> None:
    frames: list[Frame] = []

    def came() -> bool:
        frames.extend(live.rest())
        return bool(frames)

    # The clock stands: it would be held back for ever.
    with Gathering([Recorded("a", 0, 1, lambda: 1000)], lambda: 1000) as live:
        assert eventually(came)
    assert len(frames) == 1


def test_a_frame_that_comes_late_takes_the_time_up_to_which_all_was_given_out() -> None:
    class Late:
        def __init__(self) -> None:
            self._times = [monotonic_ms(), monotonic_ms() - 1000]
            self.goes_on = threading.Event()
            self.goes_on.set()

        def read(self, wait_s: float) -> list[Frame]:
            if not self._times or not self.goes_on.wait(wait_s):
                time.sleep(wait_s)
                return []
            self.goes_on.clear()
            return [Frame(self._times.pop(0), "a", 0, False, b"")]

        def close(self) -> None:
            return

    late = Late()
    with Gathering([late], monotonic_ms) as live:
        batches = live.batches(0.05)
        (first,) = taken(batches, 1)
        settled_ms = live.settled_ms
        late.goes_on.set()
        (second,) = taken(batches, 1)
    assert first.at_ms <= settled_ms <= second.at_ms


def test_an_interface_that_can_never_be_opened_is_reported() -> None:
    with Gathering([Broken()], monotonic_ms) as live, pytest.raises(InterfaceError, match="no such interface"):
        taken(live.batches(0.05), 1)


def test_a_source_that_fails_unexpectedly_is_said_and_read_again(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(Recorded):
        def __init__(self) -> None:
            super().__init__("a", 0.001, 3)
            self.faults = 1

        def read(self, wait_s: float) -> list[Frame]:
            if self.faults:
                self.faults -= 1
                raise TypeError("55.95926")
            return super().read(wait_s)

    with Gathering([Faulty()], monotonic_ms) as live:
        assert len(taken(live.batches(0.05), 3)) == 3
    assert "TypeError" in caplog.text
    assert "55.95926" not in caplog.text


def test_a_source_that_is_busy_does_not_keep_the_others_from_stopping() -> None:
    class Busy:
        def __init__(self) -> None:
            self.free = threading.Event()
            self.closed = False

        def read(self, wait_s: float) -> list[Frame]:
            self.free.wait(300 * wait_s)
            return []

        def close(self) -> None:
            self.closed = True

    busy, other = Busy(), Recorded("a", 0.001, 1)
    with Gathering([busy, other], monotonic_ms, patience_s=2) as live:
        taken(live.batches(0.05), 1)
        busy_thread = next(thread for thread in threading.enumerate() if thread.name == "source 0")
    assert busy_thread.is_alive()
    assert (busy.closed, other.closed) == (False, True)
    busy.free.set()
    busy_thread.join(60)


def test_a_real_bus_of_python_can_is_read() -> None:
    channel = "canlift-gathering"
    with Gathering([Interface("can0", "virtual", channel, None, None, monotonic_ms)], monotonic_ms) as live:
        stop = threading.Event()

        def send() -> None:
            with can.Bus(channel, "virtual") as bus:
                while not stop.is_set():
                    bus.send(can.Message(arbitration_id=0x123, data=b"\x01\x02", is_extended_id=False))
                    stop.wait(0.01)

        sender = threading.Thread(target=send)
        sender.start()
        frames = taken(live.batches(0.05), 20)
        stop.set()
        sender.join()
    said = {(frame.bus, frame.id, frame.extended, frame.data) for frame in frames}
    assert said == {("can0", 0x123, False, b"\x01\x02")}
