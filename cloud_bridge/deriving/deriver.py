"""Deriving: from stored uploads to telemetry, status and records.

What is derived for a vehicle is a function of the *set* of its stored uploads and manifests and of its profile. In
which order they came, how often, and how they were cut into batches makes no difference. Two steps, each left off and
taken up again at any point:

1. *Look* at uploads not derived yet, in batches; each becomes one chunk (`cloud_bridge.deriving.looking`).
2. *Fold* the chunks in order of time into records (`records.fold`), from the newest checkpoint before whatever changed:
   normally the state of the last fold; an earlier one when chunks came late or moved. Chunks that overlap are merged.

Of what is deleted for its age the derived telemetry may stay longer; it is folded like all other (`folding`).

A transaction costs more than what is derived of an upload. So of vehicles that have little to derive several are
written in one; each is guarded by its own revision, as if it were alone.

A defect with one vehicle costs no other: it stays as it was derived last, is noted, set aside in the database and left
alone for a minute. Who reads this vehicle is told so, and who reads all of its fleet gets the others. Where what was
derived cannot be read any more, rebuilding goes by the uploads alone, and says what it could not read of these.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice

from msgspec.structs import replace

from cloud_bridge.deriving.difference import Difference, Told, compare, tell
from cloud_bridge.deriving.folding import Folding, cut, is_readable, laid_out
from cloud_bridge.deriving.looking import Looking
from cloud_bridge.profiles import Known, Profiles
from cloud_bridge.records.rules import rules
from cloud_bridge.store.port.damage import Damage, DamagedError
from cloud_bridge.store.port.derived import Derived, Extent, Fold
from cloud_bridge.store.port.errors import DerivingError, StaleError, StoreError
from cloud_bridge.store.port.times import BEGINNING_MS
from cloud_bridge.threads.faults import Aside, Faults
from contract.configuration import ConfigurationError

PART = "deriving"
LOOK_AT = 500
TOGETHER = 64
"""Vehicles that are written at once: who wants to read one of them, or to write, waits for all."""
PATIENCE_S = 5.0
"""How long a reader waits for what another is deriving."""
BREATH_S = 0.01
"""Between steps of deleting: for others that want to write."""

log = logging.getLogger(__name__)


class Deriver:
    """Derives vehicles one at a time each, several at once. Safe to call from any thread."""

    def __init__(
        self,
        store: Derived,
        damage: Damage,
        model_of: Callable[[str], str | None],
        profiles: Profiles,
        clock_ms: Callable[[], int],
        look_at: int = LOOK_AT,
        faults: Faults | None = None,
    ) -> None:
        """`model_of`: the profile of a VIN, None for a vehicle that is not registered. `look_at`: uploads looked at in
        one transaction."""
        self._aside = Aside(faults or Faults(), PART)
        self._store = store
        self._damage = damage
        self._model_of = model_of
        self._profiles = profiles
        self._clock_ms = clock_ms
        self._look_at = look_at
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._looking = Looking(store)
        self._models: dict[str, str] = {}
        """A vehicle's model does not change, unless it is erased and registered again."""
        self._complained: set[str] = set()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Leaves off what is under way, to be taken up again by the next one; nothing more is derived."""
        self._stopping.set()

    def derive(self, vin: str, patience_s: float = PATIENCE_S) -> None:
        """Brings the vehicle's records up to every upload committed before the call. Raises DerivingError when another
        does that already and does not end within `patience_s`, and DamagedError where it cannot be done."""
        if self._is_aside(vin):
            raise DamagedError(vin)
        lock = self._locks[vin]
        if not lock.acquire(timeout=patience_s):
            raise DerivingError(f"vehicle {vin} is being derived, and that takes long")
        try:
            known = self.known(vin)
            while known is not None:
                try:
                    self._derive(vin, known)
                    return
                except StaleError:
                    log.info("vehicle %s was derived or erased by another process: looking again", vin)
                    known = self._known_anew(vin)
        except StoreError:
            raise
        except Exception as error:
            self._aside.note(vin)
            self._damage.set_aside(vin, self._clock_ms(), reading=False)
            raise DamagedError(vin) from error
        finally:
            lock.release()

    def derive_all(self, vins: Iterable[str], patience_s: float = PATIENCE_S) -> list[str]:
        """As `derive`, of many vehicles; those that another derives and does not end within `patience_s` are left, and
        returned. One with which a defect shows is left as it is, and set aside."""
        busy = []
        rest = (vin for vin in vins if not self._is_aside(vin))
        while not self._stopping.is_set() and (together := list(islice(rest, TOGETHER))):
            try:
                alone = self._derive_together(together)
            except StoreError:
                raise
            except Exception:  # noqa: BLE001 (with which of them it shows, and is noted, when each is derived alone)
                alone = together
            for vin in alone:
                try:
                    if not self._stopping.is_set():
                        self.derive(vin, patience_s)
                except DerivingError:
                    busy.append(vin)
                except DamagedError:
                    pass  # It is noted.
        return busy

    def _is_aside(self, vin: str) -> bool:
        """Whether it is not to be tried again yet: who rebuilds it takes that back, in another process too."""
        return vin in self._aside and self._damage.is_set_aside(vin)

    def is_current(self, vin: str, extent: Extent) -> bool:
        """Whether `derive` has nothing to do for a vehicle with this extent; of a profile that changed it may know
        a moment later."""
        known = self.known(vin, self._profiles.recent)
        return known is None or _is_current(extent, known)

    def rebuild(self, vin: str) -> Difference:
        """Deletes everything derived and derives it again; what came out differently. Raises DamagedError where it
        cannot be derived."""
        with self._locks[vin]:
            known = self.known(vin)
            if known is None:
                return Difference()
            self._damage.empty_unreadable_telemetry(vin)
            before = self._told_by_now(vin, known)
            with suppress(StaleError):  # Another process did it first, or erased it.
                self._forget(vin, known.digest)
        self.derive(vin, threading.TIMEOUT_MAX)
        states = sum(not is_readable(seam) for seam in self._store.seams(vin, BEGINNING_MS))
        unreadable = self._damage.put_unreadable(vin, states)
        difference = Difference(was_readable=False) if before is None else compare(before, self._told(vin))
        return replace(difference, unreadable=unreadable)

    def _told_by_now(self, vin: str, known: Known) -> Told | None:
        """With what came since the last time: that is no difference, nor is what was left half done. None where what
        was derived cannot be read."""
        try:
            extent = self._store.extent(vin)
            if extent.profile == known.digest or extent.is_half_forgotten:
                self._derive(vin, known)
            return self._told(vin)
        except (StoreError, StaleError):
            raise
        except Exception:
            log.exception("what was derived of vehicle %s cannot be read, and is derived again", vin)
            return None

    def _told(self, vin: str) -> Told:
        """As it was derived last."""
        laid = laid_out(self._store.stretches(vin, BEGINNING_MS))
        messages = (message for stretch in laid for message in stretch.messages)
        return tell(self._store.records(vin), self._store.status(vin), messages)

    def sweep(self) -> int:
        """Derives every vehicle that has something to derive, or whose profile changed; returns their number."""
        vins = self._store.to_derive(self._profiles.digests())
        self.derive_all(vins)
        return len(vins)

    def derive_fleet(self, fleet_id: str) -> None:
        """As `derive`, every vehicle of a fleet; those that cannot be are set aside."""
        vins = self._store.to_derive(self._profiles.digests(), fleet_id)
        if busy := self.derive_all(vins):
            raise DerivingError(f"vehicles {', '.join(busy)} are being derived, and that takes long")

    def _known_anew(self, vin: str) -> Known | None:
        self._models.pop(vin, None)
        return self.known(vin)

    def known(self, vin: str, profile_of: Callable[[str], Known] | None = None) -> Known | None:
        """The profile of a vehicle; None where it is not registered, or there is none that can be used."""
        model = self._models.get(vin) or self._model_of(vin)
        if model is None:
            return None
        self._models[vin] = model
        try:
            return (profile_of or self._profiles.of)(model)
        except ConfigurationError as error:
            if vin not in self._complained:
                self._complained.add(vin)
                log.error("vehicle %s cannot be derived, its uploads wait: %s", vin, error)
            return None

    def _derive(self, vin: str, known: Known) -> None:
        extent = self._store.extent(vin)
        if extent.revision == 0:
            again = self._known_anew(vin)
            if again is None:
                return
            known = again
        if _is_current(extent, known):
            return
        before = None
        if extent.profile != known.digest:
            before = self._told(vin) if extent.profile else None
            extent = self._forget(vin, known.digest)
        while not self._stopping.is_set() and (ready := self._store.ready(vin, self._look_at)):
            extent = self._store.put_step(vin, extent, self._looking.look(vin, known, ready), self._clock_ms())
        if extent.dirty_from_ms is not None:
            fold = self._folded(vin, known, extent.dirty_from_ms)
            if fold is not None:
                self._store.put_fold(vin, extent, fold)
        if before is not None and not self._stopping.is_set():
            log.info("vehicle %s derived again by a changed profile: %s", vin, compare(before, self._told(vin)).summary)

    def _derive_together(self, vins: Sequence[str]) -> list[str]:
        """Those of the vehicles that have little to derive; gives the others, each to be derived for itself."""
        with self._at_rest(vins) as free:
            known = {vin: one for vin in free if (one := self.known(vin)) is not None}
            with self._store.snapshot():
                extents = {vin: now for vin in known if not _is_current(now := self._store.extent(vin), known[vin])}
                same = [vin for vin, extent in extents.items() if extent.profile == known[vin].digest]
                ready = {vin: self._store.ready(vin, self._look_at) for vin in same}
                little = [vin for vin in same if len(ready[vin]) < self._look_at]
                steps = [
                    (vin, extents[vin], self._looking.look(vin, known[vin], ready[vin])) for vin in little if ready[vin]
                ]
            put = self._store.put_steps(steps, self._clock_ms())
            after = {**extents, **{vin: extent for (vin, _, _), extent in zip(steps, put, strict=True)}}
            # Another dating makes uploads pending again.
            dated = {vin for vin, _, step in steps if step.datings}
            with self._store.snapshot():
                folds = [
                    (vin, extent, fold)
                    for vin in little
                    if vin not in dated
                    and (extent := after[vin]) is not None
                    and extent.dirty_from_ms is not None
                    and (fold := self._folded(vin, known[vin], extent.dirty_from_ms)) is not None
                ]
            put = self._store.put_folds(folds)
            done = {vin for (vin, _, _), extent in zip(folds, put, strict=True) if extent is not None}
            return [vin for vin in vins if vin not in free or (vin in extents and vin not in done)]

    @contextmanager
    def _at_rest(self, vins: Iterable[str]) -> Iterator[list[str]]:
        """Those of the vehicles that nobody derives, and nobody else does in the block."""
        with ExitStack() as held:
            free = []
            for vin in vins:
                if self._locks[vin].acquire(blocking=False):
                    held.callback(self._locks[vin].release)
                    free.append(vin)
            yield free

    def _forget(self, vin: str, profile: bytes) -> Extent:
        extent = Extent()
        for extent in self._store.forget(vin, profile):
            if extent.profile == profile or self._stopping.wait(BREATH_S):
                break
        return extent

    def _folded(self, vin: str, known: Known, dirty_from_ms: int) -> Fold | None:
        """None where it was left off."""
        checkpoint = self._store.checkpoint(vin, dirty_from_ms)
        while checkpoint is not None and not checkpoint.is_seam and not is_readable(checkpoint):
            checkpoint = self._store.checkpoint(vin, checkpoint.until_ms - 1)
        from_ms = BEGINNING_MS if checkpoint is None else checkpoint.until_ms
        seams = self._store.seams(vin, from_ms)
        folding = Folding(rules(vin, known.profile), checkpoint, seams)
        stretches = cut(self._store.stretches(vin, from_ms), [seam.until_ms for seam in seams])
        for stretch in laid_out(stretches):
            if self._stopping.is_set():
                return None
            folding.take(stretch)
        return None if self._stopping.is_set() else folding.result(from_ms)


def _is_current(extent: Extent, known: Known) -> bool:
    return extent.profile == known.digest and not extent.is_ready and extent.dirty_from_ms is None
