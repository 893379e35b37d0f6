"""An execution as its parts are seen at any moment, and the speed it is decided by."""

from __future__ import annotations

import pytest

from agent.plan.actions import PlannedAction, PlannedRemote
from agent.remote.execution import Execution, Stage
from agent.remote.now import Now, Standing
from contract.command import Cause, Outcome, Result, encode_result
from contract.expressions import Value, compile_expression
from contract.steps import Step


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
    execution = Execution([Stage(Step("lock"), planned())], lambda _action, _arguments: transmission, None)
    told = execution.tick(now()) or execution.tick(now(20))
    assert [one.outcome for one in told] == [Outcome.FAILED]


def test_why_it_failed_fits_into_a_result() -> None:
    condition = compile_expression(f"Car.Doors == '{'é' * 200}'")
    action = planned(requires=((Cause.DOORS_OPEN, condition),))
    execution = Execution([Stage(Step("lock"), action)], lambda _action, _arguments: EndsBetween(), None)
    (told,) = execution.tick(now())
    assert told.cause is Cause.DOORS_OPEN
    assert encode_result(Result(bytes(16), told.outcome, told.why, told.cause))


@pytest.mark.parametrize(("speed", "stands"), [(0, True), (0.0, True), (0.5, False), (-3.0, False), (None, False)])
def test_a_vehicle_that_drives_backwards_does_not_stand(speed: Value | None, stands: bool) -> None:
    standing = Standing(PlannedRemote({}, lambda lookup: lookup("Car.Speed"), frozenset({"Car.Speed"})))
    assert standing.look(lambda _name: speed, silent=False) is stands
