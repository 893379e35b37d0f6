"""Remote control on the vehicle: commands in, what came of them out, and what is done in between.

A command is taken up once (`agent.remote.executed`), if the settings allow every step of it and the vehicle has it, and
no other of its kind is being done. It is then moved along at each turn of the live loop (`agent.remote.execution`);
only the transmitter's thread ever waits for a bus.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from agent.health.snapshot import RemoteHealth
from agent.plan.actions import Arguments, PlannedAction, PlannedRemote
from agent.remote.executed import Executed
from agent.remote.execution import Execution, Stage, Told, Transmission
from agent.remote.now import SILENT_MS, Now, Standing
from agent.remote.programs import KeptPrograms
from agent.remote.saying import Saying
from agent.remote.tracking import KeptTracking
from contract.actions import Action, Charging, Immobilization, Preconditioning, Stolen, Tracking, WakeUp
from contract.command import AHEAD_MS, Command
from contract.evaluation import Value
from contract.profile.events import REMOTE
from contract.result import Cause, Outcome, Result
from contract.steps import CHARGE, NEEDS, PRECONDITION, STOP_CHARGING, WAKE_UP, Step, is_served, steps_of
from contract.upload import Privacy

log = logging.getLogger(__name__)

_SAID_MS = 1_000
"""So soon what was changed has been said by its source."""
_IN_FULL_PRIVACY = (WakeUp, Stolen, Immobilization)
"""What is done for a theft, whoever has asked for privacy; the cloud knows whether there was one."""
_PROGRAMMED = {
    PRECONDITION: Preconditioning.__name__,
    CHARGE: Charging.__name__,
    STOP_CHARGING: Charging.__name__,
}
"""What programs ask for at their times, with the kind of action that it is of."""


class Vehicle(Protocol):
    """What the actions are decided by: the sampler's newest values."""

    def value(self, name: str, now_ms: int, /) -> Value | None: ...

    def silent_ms(self, now_ms: int, /) -> int: ...


class Transmitting(Protocol):
    """What sends, and how much it has sent."""

    frames: int
    requests: int

    def transmit(self, action: PlannedAction, arguments: Arguments, begins_by_ms: int | None, /) -> Transmission: ...

    def close(self) -> None: ...


class Remote:
    """For the thread that samples."""

    def __init__(
        self,
        planned: PlannedRemote | None,
        allow: Collection[str],
        vehicle: Vehicle,
        executed: Executed,
        transmitter: Transmitting,
        programs: KeptPrograms,
        saying: Saying,
        tracking: KeptTracking,
        *,
        privacy: Callable[[], Privacy],
        monotonic_ms: Callable[[], int],
        utc_ms: Callable[[], int | None],
    ) -> None:
        """`planned` is what the profile has. Nothing is answered or told before it is attached."""
        self.outcomes: Counter[Outcome] = Counter()
        """Of the actions, by what came of them."""
        self.executed = executed
        self.transmitter = transmitter
        self._actions = {} if planned is None else planned.actions
        self._allow = frozenset(allow)
        self._vehicle = vehicle
        self._programs = programs
        self._tracking = tracking
        self._privacy = privacy
        self.sources = [saying]
        """For `Gathering`."""
        self._saying = saying
        self._tell_at_ms: int | None = None
        self._tell: Callable[[str, int], None] = lambda _name, _now_ms: None
        self._to_answer: list[Result] = []
        self._answer_by: Callable[[Result], None] = self._to_answer.append
        self._monotonic_ms = monotonic_ms
        self._utc_ms = utc_ms
        self._standing = Standing(planned)
        self._running: dict[str, tuple[bytes | None, Execution]] = {}
        """By kind of action, each with the id of its command; None: a program has begun it."""
        self._answered = False
        for identity in executed.interrupted:
            why = "it was interrupted: nobody knows whether it was done"
            self._finish(Result(bytes.fromhex(identity), Outcome.FAILED, why, Cause.GENERAL_ERROR))

    def attach(self, tell: Callable[[str, int], None], answer: Callable[[Result], None]) -> None:
        """`tell` uploads at once how the vehicle is, as an event of a name (`Collector.tell`)."""
        self._tell = tell
        self._answer_by = answer
        for result in self._to_answer:
            answer(result)
        self._to_answer.clear()

    def take(self, command: Command, action: Action) -> None:
        """A command to do something, which is `action`: its vehicle and who signed it were looked at."""
        entry = self.executed.entry(command.id)
        if entry is not None:
            self._answer(entry.result or Result(command.id, Outcome.RECEIVED))
            return
        now_utc_ms = self._utc_ms()
        if now_utc_ms is None:
            self._answer(Result(command.id, Outcome.TIMELESS))
            return
        if command.issued_utc_ms > now_utc_ms + AHEAD_MS:
            self._answer(Result(command.id, Outcome.TIMELESS, "by the vehicle's clock it is not issued yet"))
            return
        void = self.executed.void(command, now_utc_ms)
        if void is not None:
            self._answer(Result(command.id, Outcome.EXPIRED, void))
            return
        try:
            begun = self.executed.begin(command, now_utc_ms)
        except OSError as failure:
            log.error("remote: nothing is done: %s", failure)
            self._finish(Result(command.id, Outcome.FAILED, "it cannot be kept", Cause.GENERAL_ERROR))
            return
        if not begun:
            self._answer(Result(command.id, Outcome.FAILED, "too many have not expired yet", Cause.TOO_MANY))
            return
        steps, kind = steps_of(action), type(action).__name__
        refusal = self._refusal(steps, action, kind)
        if refusal is not None:
            self._finish(Result(command.id, refusal.outcome, refusal.why, refusal.cause))
            return
        log.info("remote: %s is taken up: %s", kind, ", ".join(step.name for step in steps))
        self._answer(Result(command.id, Outcome.RECEIVED))
        # By the boot's clock: who sets the calendar meanwhile prolongs nothing.
        expires_ms = self._monotonic_ms() + command.expires_utc_ms - now_utc_ms
        self._running[kind] = (command.id, self._execution(steps, action, expires_ms))

    def tick(self) -> bool:
        """Moves along what is being done; whether there is anything new to say."""
        self.executed.tick()
        now = self._now()
        self._begin_what_is_due()
        for kind, (identity, execution) in list(self._running.items()):
            for told in execution.tick(now):
                self._say(kind, identity, told)
        if self._tell_at_ms is not None and now.at_ms >= self._tell_at_ms:
            self._tell_at_ms = None
            self._tell(REMOTE, now.at_ms)
        answered, self._answered = self._answered, False
        return answered

    def health(self) -> RemoteHealth:
        outcomes = self.outcomes
        return RemoteHealth(
            done=outcomes[Outcome.DONE] + outcomes[Outcome.ALREADY_DONE],
            failed=outcomes[Outcome.FAILED],
            refused=outcomes[Outcome.REFUSED],
            running=tuple(self._running),
            frames=self.transmitter.frames,
            requests=self.transmitter.requests,
            unwritten=self.executed.unwritten,
            tracking=self._tracking.tracking != Tracking(),
        )

    def close(self) -> None:
        """What is being done ends here; when the next start is asked, it says so."""
        for _, execution in self._running.values():
            execution.cancel()
        self.transmitter.close()

    def _now(self) -> Now:
        at_ms = self._monotonic_ms()

        def lookup(name: str) -> Value | None:
            return self._vehicle.value(name, at_ms)

        silent = self._vehicle.silent_ms(at_ms) >= SILENT_MS
        stands = self._standing.look(lookup, silent=silent)
        return Now(at_ms, lookup, silent, stands, self._standing.moves)

    def _refusal(self, steps: Iterable[Step], action: Action, kind: str) -> Told | None:
        for name in dict.fromkeys(step.name for step in steps):
            if not is_served(name, self._actions):
                return Told(Outcome.REFUSED, f"the profile has no [actions] for {name}", Cause.WRONG_COMMAND)
            for needed in (name, *(NEEDS.get(name, ()) if name not in self._actions else ())):
                if needed not in self._allow:
                    return Told(Outcome.REFUSED, f"[remote] allow has no {needed}", Cause.MISSING_RIGHTS)
        if self._privacy() is Privacy.FULL and not isinstance(action, _IN_FULL_PRIVACY):
            return Told(Outcome.FAILED, "the vehicle keeps everything to itself", Cause.PRIVACY_LEVEL)
        if kind in self._running:
            return Told(Outcome.FAILED, "another one is being done", Cause.SAME_IN_PROGRESS)
        return None

    def _execution(self, steps: Iterable[Step], action: Action | None, expires_ms: int | None) -> Execution:
        stages = [self._stage(step, action) for step in steps]
        return Execution(stages, self.transmitter.transmit, self._transmitted(WAKE_UP), expires_ms)

    def _transmitted(self, name: str) -> PlannedAction | None:
        return self._actions.get(name) if name in self._allow else None

    def _stage(self, step: Step, action: Action | None) -> Stage:
        if step.name == WAKE_UP:
            return Stage(step, None, self._say_how_it_is)
        if isinstance(action, Stolen):
            return Stage(step, None, lambda: self._track(action), wakes=False)
        planned = self._transmitted(step.name)
        if step.name in NEEDS and isinstance(action, Preconditioning | Charging):
            return Stage(step, planned, lambda: self._program(action), wakes=planned is not None)
        return Stage(step, planned)

    def _say_how_it_is(self) -> bool:
        self._tell(REMOTE, self._monotonic_ms())
        return True

    def _track(self, action: Stolen) -> bool:
        """That it is stolen changes nothing here; that it was found ends what was asked for."""
        return action.stolen is not True and self._tracking.take(action.tracking)

    def _program(self, action: Preconditioning | Charging) -> bool:
        changed = self._programs.take(action, self._utc_ms())
        if changed:
            self._saying.again()
            self._tell_at_ms = self._monotonic_ms() + _SAID_MS
        return changed

    def _begin_what_is_due(self) -> None:
        """What is being done of a kind that programs are of, by a command or by a program, comes to its end first."""
        now_utc_ms = self._utc_ms()
        if now_utc_ms is None or not self._running.keys().isdisjoint(_PROGRAMMED.values()):
            return
        try:
            names = self._programs.due(now_utc_ms, self._actions.keys() & NEEDS.keys())
        except OSError as failure:
            log.error("remote: the programs do not run: %s", failure)
            return
        if not names or self._privacy() is Privacy.FULL:
            return
        by_kind: defaultdict[str, list[Step]] = defaultdict(list)
        for name in names:
            if self._transmitted(name) is not None:
                by_kind[_PROGRAMMED[name]].append(Step(name))
        for kind, steps in by_kind.items():
            log.info("remote: %s by program: %s", kind, ", ".join(step.name for step in steps))
            self._running[kind] = (None, self._execution(steps, None, None))

    def _say(self, kind: str, identity: bytes | None, told: Told) -> None:
        if told.outcome.final:
            del self._running[kind]
            log.info("remote: %s: %s %s", kind, told.outcome.name.lower().replace("_", " "), told.why)
        if identity is None:
            self.outcomes[told.outcome] += told.outcome.final
            return
        result = Result(identity, told.outcome, told.why, told.cause)
        if told.outcome.final:
            self._finish(result)
        else:
            self._answer(result)

    def _finish(self, result: Result) -> None:
        self.outcomes[result.outcome] += 1
        self.executed.finish(result)
        self._answer(result)

    def _answer(self, result: Result) -> None:
        self._answer_by(result)
        self._answered = True
