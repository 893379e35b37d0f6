"""Remote actions, moved along: asked for, looked at again, answered. What is decided is decided by `actions.life`."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from cloud_bridge.actions import asked, life
from cloud_bridge.actions.knowledge import seen
from cloud_bridge.actions.life import Answer, FailureCause, Known, Life, Phase, Rules, Step
from cloud_bridge.records.model import Status
from cloud_bridge.remote.telling import notifications
from cloud_bridge.shapes.bodies import RefusedBodyError
from cloud_bridge.store.port.registry import Vehicle
from cloud_bridge.store.port.remote import Actions, Callbacks, Move, RemoteAction, RemoteCallback
from contract.actions import Stolen
from contract.result import Cause, Outcome, Result
from contract.steps import steps_of

AGAIN_MS = 10_000
"""What is not answered is sent again after this time. A vehicle that connects anew may have missed it; one that lost
its power on the way says what came of it when it is asked again."""

Steps = Callable[[str], frozenset[str]]
"""What vehicles of a model can do: names of `contract.steps`."""


class Control:
    def __init__(
        self,
        actions: Actions,
        status: Callable[[str], Status | None],
        model: Callable[[str], str | None],
        steps: Steps,
        rules: Rules,
    ) -> None:
        """`status`: what the vehicle of a VIN said, up to its last message; `model`: its profile, None where it is not
        registered."""
        self.actions = actions
        self.rules = rules
        self._status = status
        self._model = model
        self.steps = steps

    def ask(
        self, callback: RemoteCallback, vehicle: Vehicle, wanted: asked.Asked, now_ms: int, *, permitted: bool = True
    ) -> RemoteAction | None:
        """Accepts the action, or refuses it: its callback is told which. None where callback or vehicle was deleted
        meanwhile. `permitted`: who asks may ask for it."""
        request = wanted.request
        action = RemoteAction(
            secrets.token_hex(16),
            callback.id,
            callback.fleet_id,
            vehicle.vin,
            request.type,
            wanted.body,
            Life(Phase.DONE, now_ms),
            now_ms,
            now_ms,
        )

        def begin(known: Known) -> Move:
            step = life.begin(request, known, self.rules, now_ms)
            return self._move(action, step, now_ms)._replace(look_at_ms=now_ms)

        known = replace(self._seen(vehicle.vin, vehicle.model, wanted), is_permitted=permitted)
        return self.actions.begin(action, known, begin, now_ms)

    def look(self, action: RemoteAction, now_ms: int) -> RemoteAction | None:
        """Looks again at an action that was claimed; None where it is not there any more."""
        wanted = wanted_by(action)
        known = Known() if wanted is None or action.life.phase >= Phase.SENDING else self._seen_of(action.vin, wanted)

        def look(current: RemoteAction, known: Known) -> Move:
            if wanted is None:
                return self._move(current, life.given_up(now_ms), now_ms)
            step = life.look(current.life, wanted.request, known, self.rules, now_ms)
            return self._move(current, step, now_ms)

        return self.actions.advance(action.id, known, look, now_ms)

    def give_up(self, action: RemoteAction, now_ms: int) -> RemoteAction | None:
        """Ends an action that can never be sent; None where it is not there any more."""
        return self.actions.advance(
            action.id, Known(), lambda current, _: self._move(current, life.given_up(now_ms), now_ms), now_ms
        )

    def answered(
        self, vin: str, result: Result, now_ms: int, is_about: Callable[[RemoteAction], bool]
    ) -> RemoteAction | None:
        """What the vehicle said; None where it is no answer to an action of its. `is_about`: whether it speaks of what
        was sent for the action that has the id."""

        def take(current: RemoteAction) -> Move | None:
            if not is_about(current):
                return None
            if result.outcome is Outcome.TIMELESS:
                # The bridge's receipts tell it the time; it is asked again.
                return self._move(current, Step(life.postponed(current.life, "VehicleError")), now_ms)
            if result.cause is Cause.TOO_MANY:
                # Nor has it done it: told as failed, the next copy of it would be done all the same.
                return self._move(current, Step(life.postponed(current.life, "TooManyRequestSent")), now_ms)
            if result.outcome is Outcome.EXPIRED and current.life.phase is Phase.SENT:
                return None  # A copy that came late; the vehicle has the request already.
            step = life.answered(current.life, _answer(result), now_ms)
            return self._move(current, step, now_ms)._replace(tracks=_tracks(current, step))

        return self.actions.answered(vin, result.id.hex(), take, now_ms)

    def _seen_of(self, vin: str, wanted: asked.Asked) -> Known:
        model = self._model(vin)
        return Known(is_able=False) if model is None else self._seen(vin, model, wanted)

    def _seen(self, vin: str, model: str, wanted: asked.Asked) -> Known:
        is_able = wanted.action is None or self.steps(model).issuperset(step.name for step in steps_of(wanted.action))
        return seen(self._status(vin), is_able=is_able)

    def _move(self, action: RemoteAction, step: Step, now_ms: int) -> Move:
        after = step.life
        look_at_ms = life.until_ms(after, self.rules)
        if after.phase in (Phase.WAKING, Phase.SENDING, Phase.SENT):
            look_at_ms = min(look_at_ms, now_ms + AGAIN_MS)
        return Move(
            after,
            step.events,
            notifications(action, step.events, now_ms),
            look_at_ms,
            step.wakes,
            step.sends,
            step.declares,
        )


@dataclass(frozen=True, slots=True)
class RemoteService:
    """What the API works with."""

    callbacks: Callbacks
    control: Control
    most_callbacks: int
    """Of a fleet."""
    insecure: bool
    """Callbacks may have addresses with http."""
    asked: Callable[[], None]
    """To be called when something was."""


def wanted_by(action: RemoteAction) -> asked.Asked | None:
    """None: by another release, and what this one does not know."""
    try:
        return asked.read(action.body)
    except RefusedBodyError:
        return None


def _tracks(action: RemoteAction, step: Step) -> bool | None:
    """Whether the vehicle does as a stolen one from now on, or does not any more; None: as before."""
    wanted = wanted_by(action)
    is_done = any(event.status in ("Success", "AlreadyDone") for event in step.events)
    return wanted.action.tracking is not None if is_done and wanted and isinstance(wanted.action, Stolen) else None


def _answer(result: Result) -> Answer:
    outcome = result.outcome
    if outcome in (Outcome.RECEIVED, Outcome.SENT):
        return Answer()
    if outcome in (Outcome.DONE, Outcome.REPEATED):
        return Answer("Success")
    if outcome is Outcome.ALREADY_DONE:
        return Answer("AlreadyDone")
    if result.cause is not None:
        return Answer("Failed", result.cause.value)
    return Answer("Failed", _CAUSES.get(outcome, "GeneralError"))


_CAUSES: dict[Outcome, FailureCause] = {
    Outcome.EXPIRED: "VehicleConnectionTimeout",
    Outcome.REFUSED: "MissingRights",
    Outcome.UNTRUSTED: "MissingRights",
}
