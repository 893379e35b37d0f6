"""Privacy between the sampler and the journal: what a batch may still say when it comes by here.

    NONE         everything
    GEOLOCATION  no position (`agent.privacy.redaction`)
    FULL         nothing: the batch is dropped, with its counts

A batch is held to the strictest state of its time: one ends at once where the state changes, and what was collected
before a change to a stricter one is treated as what is pending in the journal: it loses what it should not say any more
too, unless the settings say `pending = "send"`. At a change the sampler forgets what it would still say of the time
before (the windows of events reach back). And each change is told at once, by a batch without samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from agent.bus.frame import Frame
from agent.plan.plan import Plan
from agent.privacy.guard import Guard, Source, strictest
from agent.privacy.redaction import redaction_of
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from contract.upload import Ledger, Privacy, Reason


class Enforcing:
    """Takes the place of the sampler. Call `confirm` once what it gave is in the journal."""

    def __init__(
        self,
        sampler: Sampler,
        plan: Plan,
        guard: Guard,
        remove_pending: Callable[[Privacy], bool] | None = None,
    ) -> None:
        """`remove_pending` takes out of the journal what a state does not allow; None: what is pending is sent as it
        is, and so is what is being collected at a change."""
        self._sampler = sampler
        self._manifest = plan.manifest
        self._redaction = redaction_of(plan)
        self._guard = guard
        self._remove_pending = remove_pending
        self._state = guard.state
        """What holds for what is being collected."""
        self._told = guard.told
        self._clean = True
        """Whether what is pending is in line with the state."""
        self._now_ms = 0
        self._early: list[Batch | None] = []
        sampler.privacy = guard.words.get(Source.BUS)

    def feed(self, frames: Iterable[Frame]) -> list[Batch]:
        changed = self._changed()
        return changed + self._allowed(self._sampler.feed(frames))

    def advance(self, now_ms: int) -> list[Batch]:
        self._now_ms = max(self._now_ms, now_ms)
        early, self._early = [batch for batch in self._early if batch is not None], []
        changed = self._changed()
        return early + changed + self._allowed(self._sampler.advance(now_ms))

    def close(self, now_ms: int, reason: Reason) -> Batch | None:
        """As the sampler's: what came before the last batch is given by the next `advance`."""
        last = self._sampler.close(now_ms, reason)
        *self._early, allowed = [None, *self._allowed([] if last is None else [last])]
        return allowed

    def confirm(self) -> None:
        """What was given so far is in the journal. Where the disk did not let all of it be brought in line, the state
        is not noted as told: the next start tries again."""
        if self._told and self._clean and not self._guard.told:
            self._guard.tell()

    def _changed(self) -> list[Batch]:
        """What is to be said because somebody else than the bus has changed the state."""
        if self._state is not self._guard.state:
            return self._allowed(self._sampler.cut()) + self._tell()
        return [] if self._told else self._tell()

    def _allowed(self, batches: Iterable[Batch]) -> list[Batch]:
        allowed: list[Batch] = []
        for batch in batches:
            self._now_ms = max(self._now_ms, batch.end_ms)
            if batch.said is not None:
                self._guard.heard(Source.BUS, batch.said)
            before, now = self._state, self._guard.state
            allowed += self._held_to(before, [batch])
            if before is not now and self._remove_pending is not None:
                # Nor may those that came with it say any more than what is pending already.
                allowed = self._held_to(now, allowed)
            if batch.said is not None and before is not now:
                allowed += self._tell()
        return allowed

    def _held_to(self, state: Privacy, batches: Iterable[Batch]) -> list[Batch]:
        """What a state allows of batches."""
        if state is Privacy.NONE:
            return list(batches)
        if state is Privacy.FULL:
            return []
        without = self._redaction.without_positions
        return [replace(without(batch, self._manifest), privacy=strictest(batch.privacy, state)) for batch in batches]

    def _tell(self) -> list[Batch]:
        """The state from now on, and a batch that says it. Whatever is pending is brought in line first; also after a
        start where the power went between the change and this."""
        self._state = self._guard.state
        if self._remove_pending is not None and self._state is not Privacy.NONE:
            self._clean = self._remove_pending(self._state)
        self._told = True
        return [
            Batch(
                reason=Reason.EVENT,
                start_ms=self._now_ms,
                end_ms=self._now_ms + 1,
                anchor=self._sampler.anchor,
                ledger=Ledger({}),
                grids=(),
                changes=(),
                privacy=self._state,
            )
        ]
