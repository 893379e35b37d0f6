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

import logging
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from agent.bus.frame import Frame
from agent.plan.plan import Plan
from agent.privacy.guard import Guard, Source, strictest
from agent.privacy.redaction import redaction_of
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from contract.upload import Ledger, Privacy, Reason

log = logging.getLogger(__name__)

_AGAIN_MS = 10_000
"""Between tries to delete what the disk does not let go."""


class Enforcing:
    """Takes the place of the sampler. Call `confirm` once what it gave is in the journal."""

    def __init__(
        self,
        sampler: Sampler,
        plan: Plan,
        guard: Guard,
        remove_pending: Callable[[Privacy], bool] | None = None,
        finish_removing: Callable[[], bool] = lambda: False,
    ) -> None:
        """`remove_pending` takes out of the journal what a state does not allow; None: what is pending is sent as it
        is, and so is what is being collected at a change. Where it says that the disk has not let go of all of it, it
        is for `finish_removing` to try again, and to say whether that is done."""
        self._sampler = sampler
        self._manifest = plan.manifest
        self._redaction = redaction_of(plan)
        self._guard = guard
        self._remove_pending = remove_pending
        self._finish_removing = finish_removing
        self._state = guard.state
        """What holds for what is being collected."""
        self._told = guard.told
        self._clean = True
        """Whether the disk has let go of all that had to be removed."""
        self._again_ms = 0
        self._now_ms = 0
        self._early: list[Batch | None] = []
        sampler.privacy_was(guard.words.get(Source.BUS))

    def feed(self, frames: Iterable[Frame]) -> list[Batch]:
        changed = self._changed()
        return changed + self._allowed(self._sampler.feed(frames))

    def advance(self, now_ms: int) -> list[Batch]:
        self._now_ms = max(self._now_ms, now_ms)
        self._remove_again()
        early, self._early = [batch for batch in self._early if batch is not None], []
        changed = self._changed()
        return early + changed + self._allowed(self._sampler.advance(now_ms))

    def tell(self, name: str, now_ms: int) -> list[Batch]:
        return self._changed() + self._allowed(self._sampler.tell(name, now_ms))

    def close(self, now_ms: int, reason: Reason) -> Batch | None:
        """As the sampler's: what came before the last batch is given by the next `advance`."""
        last = self._sampler.close(now_ms, reason)
        *self._early, allowed = [None, *self._allowed([] if last is None else [last])]
        return allowed

    def confirm(self) -> None:
        """What was given so far is in the journal. While the disk does not let go of all that had to be removed, the
        state is not noted as told: a start in that time removes it anew."""
        if self._told and self._clean and not self._guard.told:
            self._guard.tell()

    def _remove_again(self) -> None:
        if self._clean or self._now_ms < self._again_ms:
            return
        self._again_ms = self._now_ms + _AGAIN_MS
        self._clean = self._finish_removing()
        if self._clean:
            log.warning("privacy: what had to be deleted from the disk is deleted")

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
            self._again_ms = self._now_ms + _AGAIN_MS
            if not self._clean:
                log.error(
                    "privacy: what %s forbids cannot all be deleted from the disk; it is not sent, and deleting it is "
                    "tried again every %d s",
                    self._state.value,
                    _AGAIN_MS // 1000,
                )
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
