"""An execution as its parts are seen at any moment, and the speed it is decided by."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.bus.frame import Frame
from agent.plan.actions import Arguments, PlannedAction, PlannedRemote
from agent.remote.execution import EXPIRED, Execution, Stage
from agent.remote.now import SILENT_MS, Now, Standing
from agent.sampling.sampler import Sampler
from contract.evaluation import Value
from contract.expressions import compile_expression
from contract.result import Cause, Outcome, Result, encode_result
from contract.steps import Step
from tests.agent.remote import model


class EndsBetween:
    """A transmission that fails just after it was looked at."""

    def __init__(self) -> None:
        self._failure: str | None = None
        self._over = False

    @property
    def over(self) -> bool:
        over = self._over
        self._end()
        return over

    @property
    def failure(self) -> str | None:
        failure = self._failure
        self._end()
        return failure

    def cancel(self) -> None: ...

    def _end(self) -> None:
        self._failure, self._over = "the bus cannot be written: " + "é" * 300, True


def planned(**conditions: object) -> PlannedAction:
    given: dict[str, object] = {"proof": None, "done": None, "requires": (), "unless": ()} | conditions
    return PlannedAction(name="lock", frames=(), requests=None, within_ms=2000, **given)  # type: ignore[arg-type]


def now(at_ms: int = 0) -> Now:
    return Now(at_ms, lambda _name: None, silent=False, stands=True)


def test_what_fails_while_it_is_looked_at_is_no_success() -> None:
    transmission = EndsBetween()
    execution = Execution([Stage(Step("lock"), planned())], lambda *_: transmission, None)
    told = execution.tick(now()) or execution.tick(now(20))
    assert [one.outcome for one in told] == [Outcome.FAILED]


def test_why_it_failed_fits_into_a_result() -> None:
    condition = compile_expression(f"Car.Doors == '{'é' * 200}'")
    action = planned(requires=((Cause.DOORS_OPEN, condition),))
    execution = Execution([Stage(Step("lock"), action)], lambda *_: EndsBetween(), None)
    (told,) = execution.tick(now())
    assert told.cause is Cause.DOORS_OPEN
    assert encode_result(Result(bytes(16), told.outcome, told.why, told.cause))


class Waits:
    """A transmission that waits for the bus."""

    over = False
    failure: str | None = None

    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


def test_a_vehicle_that_moves_by_the_time_that_it_is_to_be_woken_is_sent_nothing() -> None:
    waiting = Waits()
    execution = Execution([Stage(Step("lock"), planned())], lambda *_: waiting, planned())
    assert execution.tick(now()._replace(silent=True)) == []
    assert execution.tick(now(100)._replace(stands=False)) == []  # It is heard, and nobody knows its speed yet.
    cancelled_before = waiting.cancelled
    (told,) = execution.tick(now(200)._replace(stands=False, moves=True))
    assert (cancelled_before, waiting.cancelled) == (False, True)
    assert (told.outcome, told.cause) == (Outcome.FAILED, Cause.IN_USE)


def test_no_step_begins_after_the_command_has_expired() -> None:
    sent: list[int | None] = []

    def transmit(_action: PlannedAction, _arguments: Arguments, begins_by_ms: int | None) -> Waits:
        sent.append(begins_by_ms)
        made = Waits()
        made.over = True
        return made

    stages = [Stage(Step("navigate"), planned()), Stage(Step("navigate"), None, lambda: True)]
    assert [one.outcome for one in Execution(stages, transmit, None, 300).tick(now(299))] == [
        Outcome.SENT,
        Outcome.DONE,
    ]
    (told,) = Execution(stages, transmit, None, 300).tick(now(300))
    assert (told.outcome, told.cause, told.why) == (Outcome.FAILED, Cause.VEHICLE_ERROR, EXPIRED)
    (told,) = Execution(stages[1:], transmit, None, 300).tick(now(300))
    assert told.why == EXPIRED
    assert sent == [300]


def test_a_vehicle_of_which_one_bus_speaks_is_not_silent_and_stands_only_by_its_speed(tmp_path: Path) -> None:
    sampler = Sampler(model.plan(tmp_path), 0)
    standing = Standing(PlannedRemote({}, lambda lookup: lookup("Car.Speed"), frozenset({"Car.Speed"})))
    assert standing.look(lambda _name: 0, silent=False)
    for at_ms in range(1000, 21_000, 1000):
        sampler.feed([Frame(at_ms, "can1", 0x123, False, b"")])
        sampler.feed([Frame(at_ms + 1, "Box", 0, False, bytes(8))])
        silent = sampler.silent_ms(at_ms + 900) >= SILENT_MS
        assert not standing.look(lambda _name: None, silent=silent)
    assert sampler.silent_ms(20_000 + SILENT_MS) == SILENT_MS
    assert standing.look(lambda _name: None, silent=True)


@pytest.mark.parametrize(("speed", "stands"), [(0, True), (0.0, True), (0.5, False), (-3.0, False), (None, False)])
def test_a_vehicle_that_drives_backwards_does_not_stand(speed: Value | None, stands: bool) -> None:
    standing = Standing(PlannedRemote({}, lambda lookup: lookup("Car.Speed"), frozenset({"Car.Speed"})))
    assert standing.look(lambda _name: speed, silent=False) is stands
