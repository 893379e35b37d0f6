"""A thread that works: when it is woken, from time to time, through what the database refuses, and no further."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.threads.working import Working

PATIENCE_S = 30
LONG_S = 3600.0


class Turns:
    """What is done at each turn, noted."""

    def __init__(self, *does: Callable[[], None]) -> None:
        self.number = 0
        self._does = iter(does)
        self._changed = threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self.number += 1
            self._changed.notify_all()
        next(self._does, lambda: None)()

    def reach(self, number: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.number >= number, PATIENCE_S)


@pytest.fixture
def failed() -> threading.Event:
    return threading.Event()


@pytest.fixture
def start(failed: threading.Event) -> Iterator[Callable[..., Working]]:
    started: list[Working] = []

    def make(turns: Turns, every_s: float, first_s: float = 0.0) -> Working:
        started.append(
            Working("worker", turns, every_s, failed.set, first_s=first_s, complaint="it cannot be done now")
        )
        started[-1].start()
        return started[-1]

    yield make
    for working in started:
        working.stop()


def test_it_works_from_time_to_time(start: Callable[..., Working]) -> None:
    turns = Turns()
    start(turns, 0.01)
    assert turns.reach(3)


def test_it_waits_until_it_is_woken_also_before_the_first_time(start: Callable[..., Working]) -> None:
    turns = Turns()
    working = start(turns, LONG_S, first_s=LONG_S)
    assert turns.number == 0
    for number in (1, 2):
        working.wake()
        assert turns.reach(number)


def test_what_comes_during_a_turn_is_not_missed(start: Callable[..., Working]) -> None:
    working: list[Working] = []
    turns = Turns(lambda: working[0].wake())
    working.append(start(turns, LONG_S, first_s=LONG_S))
    working[0].wake()
    assert turns.reach(2)


def test_what_the_database_refuses_is_said_and_tried_again(
    start: Callable[..., Working], failed: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise StoreError("disk full")

    turns = Turns(refuse)
    start(turns, 0.01)
    assert turns.reach(2)
    assert "it cannot be done now: disk full" in caplog.messages
    assert not failed.is_set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_ends_it_and_is_not_silent(start: Callable[..., Working], failed: threading.Event) -> None:
    def defect() -> None:
        raise ValueError("no")

    turns = Turns(defect)
    start(turns, 0.01)
    assert failed.wait(PATIENCE_S)
    assert turns.number == 1


def test_stopped_it_ends_with_the_turn_that_it_is_at(start: Callable[..., Working], failed: threading.Event) -> None:
    working: list[Working] = []
    went_on: list[bool] = []
    turns = Turns(lambda: went_on.append(working[0].pause(LONG_S)))
    working.append(start(turns, LONG_S, first_s=LONG_S))
    working[0].wake()
    assert turns.reach(1)
    working[0].stop()
    assert working[0].stopping
    assert went_on == [False]
    assert (turns.number, failed.is_set()) == (1, False)
