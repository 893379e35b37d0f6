"""The execution of one action: its steps, one after the other, each from looking to the proof.

    waking        the buses are silent: what wakes them is transmitted, and what is read of them is waited for
    looking       is it done already, does the vehicle stand, does what forbids it hold?
    transmitting  by the transmitter's thread
    proving       until what proves it holds, or the time for that is over

It sends nothing itself and reads no clock. A vehicle that begins to move while something is transmitted ends that.
No step begins, and nothing of one is transmitted first, after its command has expired, whatever it has waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Protocol

import msgspec

from agent.plan.actions import Arguments, PlannedAction
from agent.remote.now import Now
from contract.evaluation import holds
from contract.result import Cause, Outcome
from contract.steps import Step

WAKING_MS = 10_000
LONGEST_TRANSMITTING_MS = 120_000
EXPIRED = "it expired before it could be transmitted"
_LONGEST_WHY_BYTES = 200


class Transmission(Protocol):
    """What the transmitter has been given."""

    @property
    def over(self) -> bool: ...

    @property
    def failure(self) -> str | None:
        """Why it was not all sent, or not taken; None as long as nothing is wrong."""

    def cancel(self) -> None:
        """Nothing more of it is sent."""


Transmit = Callable[[PlannedAction, Arguments, int | None], Transmission]
"""The last: before which time it has to begin, as `Now.at_ms`; None: whenever."""


class Told(msgspec.Struct, frozen=True):
    """What there is to say of it."""

    outcome: Outcome
    why: str = ""
    cause: Cause | None = None


class Stage(msgspec.Struct, frozen=True):
    """A step as this vehicle does it."""

    step: Step
    action: PlannedAction | None
    """What is transmitted; None: the box does it alone."""
    own: Callable[[], bool] | None = None
    """What the box does itself, after that; whether it has changed anything. Raises OSError."""
    wakes: bool = True
    """Whether the vehicle has to be awake for it."""


class _Nothing:
    """A transmission of nothing at all."""

    over = True
    failure: str | None = None

    def cancel(self) -> None: ...


class _Phase(Enum):
    WAKING = 0
    LOOKING = 1
    TRANSMITTING = 2
    PROVING = 3


class Execution:
    """Of some stages. `tick` it until it has told a final outcome."""

    def __init__(
        self, stages: Iterable[Stage], transmit: Transmit, wake: PlannedAction | None, expires_ms: int | None = None
    ) -> None:
        """`wake` is what wakes the vehicle; None: nothing does. `expires_ms`: when the command does, as `Now.at_ms`."""
        self._stages = list(stages)
        self._transmit = transmit
        self._wake = wake
        self._expires_ms = expires_ms
        self._changed = False
        self._told_sent = False
        self._phase = _Phase.LOOKING
        self._since_ms = 0
        self._transmission: Transmission = _Nothing()
        self._woken = False

    def tick(self, now: Now) -> list[Told]:
        """What is to be said; the last is final where the execution is over."""
        told: list[Told] = []
        while self._stages:
            before = (self._phase, len(self._stages))
            for one in self._advance(self._stages[0], now):
                told.append(one)
                if one.outcome.final:
                    self.cancel()
                    return told
            if before == (self._phase, len(self._stages)):
                return told
        return [*told, Told(Outcome.DONE if self._changed else Outcome.ALREADY_DONE)]

    def cancel(self) -> None:
        """Nothing more is transmitted."""
        self._transmission.cancel()

    def _advance(self, stage: Stage, now: Now) -> Iterator[Told]:
        if self._phase is _Phase.WAKING:
            yield from self._await_waking(stage, now)
        elif self._phase is _Phase.LOOKING:
            yield from self._look(stage, now)
        elif self._phase is _Phase.TRANSMITTING:
            yield from self._watch(now)
        else:
            yield from self._prove(stage, now)

    def _enter(self, phase: _Phase, now: Now) -> None:
        self._phase = phase
        self._since_ms = now.at_ms

    def _look(self, stage: Stage, now: Now) -> Iterator[Told]:
        if self._expires_ms is not None and now.at_ms >= self._expires_ms:
            yield Told(Outcome.FAILED, EXPIRED, Cause.VEHICLE_ERROR)
            return
        if self._wake is not None and stage.wakes and now.silent and not self._woken:
            self._woken = True
            self._transmission = self._transmit(self._wake, {}, self._expires_ms)
            self._enter(_Phase.WAKING, now)
            return
        action = stage.action
        if action is None:
            yield from self._do_own(stage)
            return
        if action.done is not None and holds(action.done(now.lookup)):
            yield from self._do_own(stage)
            return
        refusal = _refusal(action, now)
        if refusal is not None:
            yield refusal
            return
        self._transmission = self._transmit(action, stage.step.arguments, self._expires_ms)
        self._enter(_Phase.TRANSMITTING, now)

    def _await_waking(self, stage: Stage, now: Now) -> Iterator[Told]:
        """Where something is to be transmitted, whether it matters that it does not wake shows when it is looked at. A
        vehicle that is heard to move is awake, and is sent no more of it."""
        awaited = () if stage.action is None else stage.action.names
        known = not now.silent and now.stands and all(now.lookup(name) is not None for name in awaited)
        over = now.at_ms - self._since_ms >= WAKING_MS
        if over and now.silent and stage.action is None:
            yield Told(Outcome.FAILED, "the vehicle does not wake up", Cause.VEHICLE_ERROR)
        elif over or now.moves or (self._transmission.over and known):
            self.cancel()
            self._enter(_Phase.LOOKING, now)

    def _watch(self, now: Now) -> Iterator[Told]:
        transmission = self._transmission
        # Over first: the transmitter's thread may end it between the two.
        over, failure = transmission.over, transmission.failure
        if failure is not None:
            yield Told(Outcome.FAILED, _short(failure), Cause.VEHICLE_ERROR)
        elif over:
            self._changed = True
            if not self._told_sent:
                self._told_sent = True
                yield Told(Outcome.SENT)
            self._enter(_Phase.PROVING, now)
        elif not now.stands:
            yield Told(Outcome.FAILED, "the vehicle began to move", Cause.IN_USE)
        elif now.at_ms - self._since_ms >= LONGEST_TRANSMITTING_MS:
            yield Told(Outcome.FAILED, "it could not be transmitted in time", Cause.VEHICLE_ERROR)

    def _prove(self, stage: Stage, now: Now) -> Iterator[Told]:
        action = stage.action
        if action is None or action.proof is None or holds(action.proof(now.lookup)):
            yield from self._do_own(stage)
        elif now.at_ms - self._since_ms >= action.within_ms:
            why = f"{action.proof.text} did not hold within {action.within_ms / 1000:g} s"
            yield Told(Outcome.FAILED, _short(why), Cause.VEHICLE_ERROR)

    def _do_own(self, stage: Stage) -> Iterator[Told]:
        try:
            self._changed = (stage.own is not None and stage.own()) or self._changed
        except OSError as failure:
            why = f"it cannot be kept: {failure.strerror}"
            yield Told(Outcome.FAILED, why, Cause.GENERAL_ERROR)
            return
        self._stages.pop(0)
        self._transmission = _Nothing()
        self._phase = _Phase.LOOKING


def _refusal(action: PlannedAction, now: Now) -> Told | None:
    if not now.stands:
        return Told(Outcome.FAILED, "the vehicle is not known to stand", Cause.IN_USE)
    for cause, expression in action.requires:
        if not holds(expression(now.lookup)):
            return Told(Outcome.FAILED, _short(f"{expression.text} does not hold"), cause)
    for cause, expression in action.unless:
        if holds(expression(now.lookup)):
            return Told(Outcome.FAILED, _short(f"{expression.text} holds"), cause)
    return None


def _short(why: str) -> str:
    """As much of it as a result has room for."""
    return why.encode()[:_LONGEST_WHY_BYTES].decode(errors="ignore")
