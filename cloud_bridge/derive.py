"""Deriving: from stored uploads to telemetry, status and records.

What is derived for a vehicle is a function of the *set* of its stored uploads and manifests and of its profile. In
which order they came, how often, and how they were cut into batches makes no difference. Two steps, each left off and
taken up again at any point:

1. *Look* at uploads not derived yet, in batches. Each is decoded with its manifest, unified, and dated by the anchors
   of its kernel boot (`records.timeline`); it becomes one chunk. An upload of a boot without an anchor waits; no datum
   without a date is published. Another anchor makes those uploads pending again that it dates differently. What has
   other columns than its manifest, or covers more than `LONGEST_MS`, goes to quarantine and is passed over.
2. *Fold* the chunks in order of time into records (`records.fold`), from the newest checkpoint before whatever changed:
   normally the state of the last fold; an earlier one when chunks came late or moved. Chunks that overlap are merged.

Of what is deleted for its age the derived telemetry may stay longer; it is folded like all other (`folding`).
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress

from cloud_bridge.difference import Difference, Told, compare, tell
from cloud_bridge.folding import DAY_MS, Folding, cut, laid_out
from cloud_bridge.profiles import Known, Profiles
from cloud_bridge.records.fold import Stretch
from cloud_bridge.records.messages import messages
from cloud_bridge.records.rules import rules
from cloud_bridge.records.timeline import Timeline, believed, changed, thinned, timeline
from cloud_bridge.store.port.derived import Chunk, Dating, Derived, Extent, Pending, Step, Undecodable
from cloud_bridge.store.port.errors import DerivingError, StaleError
from cloud_bridge.store.port.times import BEGINNING_MS
from cloud_bridge.unify.events import with_events
from cloud_bridge.unify.privacy import with_privacy
from cloud_bridge.unify.sample import Sample
from cloud_bridge.unify.unifier import Unifier
from contract.configuration import ConfigurationError
from contract.manifest import Manifest, decode_manifest
from contract.upload import Anchor, Reason, Upload, decode_upload
from contract.wire import Refusal, WireError

LOOK_AT = 500
LONGEST_MS = 8 * DAY_MS
"""What an upload may cover: a day more than the longest sampling interval. One that says it covers years would overlap,
and hold up, everything else that its vehicle sends."""
PATIENCE_S = 5.0
"""How long a reader waits for what another is deriving."""
BREATH_S = 0.01
"""Between steps of deleting: for others that want to write."""
_UNIFIERS = 256

log = logging.getLogger(__name__)


class Deriver:
    """Derives vehicles one at a time each, several at once. Safe to call from any thread."""

    def __init__(
        self,
        store: Derived,
        model_of: Callable[[str], str | None],
        profiles: Profiles,
        clock_ms: Callable[[], int],
        look_at: int = LOOK_AT,
    ) -> None:
        """`model_of`: the profile of a VIN, None for a vehicle that is not registered. `look_at`: uploads looked at in
        one transaction."""
        self._store = store
        self._model_of = model_of
        self._profiles = profiles
        self._clock_ms = clock_ms
        self._look_at = look_at
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._unifiers: dict[tuple[bytes, bytes], tuple[Manifest, Unifier]] = {}
        self._models: dict[str, str] = {}
        """A vehicle's model does not change, unless it is erased and registered again."""
        self._complained: set[str] = set()
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Leaves off what is under way, to be taken up again by the next one; nothing more is derived."""
        self._stopping.set()

    def derive(self, vin: str, patience_s: float = PATIENCE_S) -> None:
        """Brings the vehicle's records up to every upload committed before the call. Raises DerivingError when another
        does that already and does not end within `patience_s`."""
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
        finally:
            lock.release()

    def is_current(self, vin: str, extent: Extent) -> bool:
        """Whether `derive` has nothing to do for a vehicle with this extent; of a profile that changed it may know
        a moment later."""
        known = self.known(vin, self._profiles.recent)
        return known is None or _is_current(extent, known)

    def rebuild(self, vin: str) -> Difference:
        """Deletes everything derived and derives it again; what came out differently."""
        with self._locks[vin]:
            known = self.known(vin)
            if known is None:
                return Difference()
            extent = self._store.extent(vin)
            if extent.profile == known.digest or extent.is_half_forgotten:
                self._derive(vin, known)  # What came since the last time is no difference, nor what was left half done.
            before = self._told(vin)
            with suppress(StaleError):  # Another process did it first, or erased it.
                self._forget(vin, known.digest)
        self.derive(vin, threading.TIMEOUT_MAX)
        return compare(before, self._told(vin))

    def _told(self, vin: str) -> Told:
        """As it was derived last."""
        laid = laid_out(self._store.stretches(vin, BEGINNING_MS))
        messages = (message for stretch in laid for message in stretch.messages)
        return tell(self._store.records(vin), self._store.status(vin), messages)

    def sweep(self) -> int:
        """Derives every vehicle that has something to derive, or whose profile changed; returns their number."""
        vins = self._store.to_derive(self._profiles.digests())
        for vin in vins:
            if not self._stopping.is_set():
                with suppress(DerivingError):  # Somebody else is at it.
                    self.derive(vin)
        return len(vins)

    def derive_fleet(self, fleet_id: str) -> None:
        """As `derive`, every vehicle of a fleet."""
        for vin in self._store.to_derive(self._profiles.digests(), fleet_id):
            self.derive(vin)

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
            extent = self._store.put_step(vin, extent, self._look(vin, known, ready), self._clock_ms())
        if extent.dirty_from_ms is not None and not self._stopping.is_set():
            self._fold(vin, known, extent, extent.dirty_from_ms)
        if before is not None and not self._stopping.is_set():
            log.info("vehicle %s derived again by a changed profile: %s", vin, compare(before, self._told(vin)).summary)

    def _forget(self, vin: str, profile: bytes) -> Extent:
        extent = Extent()
        for extent in self._store.forget(vin, profile):
            if extent.profile == profile or self._stopping.wait(BREATH_S):
                break
        return extent

    def _look(self, vin: str, known: Known, ready: list[Pending]) -> Step:
        datings, timelines = self._date(vin, ready)
        chunks: list[Chunk] = []
        undecodable: list[Undecodable] = []
        undated: list[Pending] = []
        for pending in ready:
            line = timelines[pending.kernel]
            if line is None:
                undated.append(pending)
                continue
            manifest, unifier = self._unifier(vin, pending.manifest, known)
            try:
                upload = decode_upload(pending.payload, manifest)
            except WireError as error:
                undecodable.append(Undecodable(pending, error.reason, error.text))
                continue
            outside: Counter[str] = Counter()
            said = unifier.unify(upload, outside)
            samples = with_events(with_privacy(said, upload, known.profile.data), upload)
            covered_ms = _covered_ms(upload, samples)
            if covered_ms > LONGEST_MS:
                days = covered_ms // DAY_MS
                text = f"it covers {days} days, at most {LONGEST_MS // DAY_MS} are taken"
                undecodable.append(Undecodable(pending, Refusal.OUT_OF_RANGE, text))
                continue
            chunks.append(
                Chunk(pending.boot, pending.sequence, _stretch(upload, samples, line, pending.kernel), +outside)
            )
        return Step(datings, chunks, undecodable, undated)

    def _date(self, vin: str, ready: Iterable[Pending]) -> tuple[dict[bytes, Dating], dict[bytes, Timeline | None]]:
        """How the kernel boots of `ready` are dated with its anchors, where that is new, and their timelines."""
        found: defaultdict[bytes, set[Anchor]] = defaultdict(set)
        for pending in ready:
            found[pending.kernel].update(() if pending.anchor is None else (pending.anchor,))
        known = self._store.anchors(vin, found.keys())
        datings: dict[bytes, Dating] = {}
        timelines: dict[bytes, Timeline | None] = {}
        for kernel, new in found.items():
            before = known.get(kernel, ())
            anchors = thinned([*before, *new])
            timelines[kernel] = after = timeline(anchors)
            if anchors != before:
                datings[kernel] = Dating(anchors, frozenset(believed(anchors)), _redated(timeline(before), after))
        return datings, timelines

    def _unifier(self, vin: str, manifest_id: bytes, known: Known) -> tuple[Manifest, Unifier]:
        # Vehicles of one model and one version of the agent have one manifest: its name is its content.
        key = (known.digest, manifest_id)
        found = self._unifiers.get(key)
        if found is None:
            manifest = decode_manifest(self._store.manifest(vin, manifest_id))
            found = manifest, Unifier(manifest, known.profile)
            if len(self._unifiers) >= _UNIFIERS:
                self._unifiers.clear()
            self._unifiers[key] = found
        return found

    def _fold(self, vin: str, known: Known, extent: Extent, dirty_from_ms: int) -> None:
        checkpoint = self._store.checkpoint(vin, dirty_from_ms)
        from_ms = BEGINNING_MS if checkpoint is None else checkpoint.until_ms
        seams = self._store.seams(vin, from_ms)
        folding = Folding(rules(vin, known.profile), checkpoint, seams)
        stretches = cut(self._store.stretches(vin, from_ms), [seam.until_ms for seam in seams])
        for stretch in laid_out(stretches):
            if self._stopping.is_set():
                return
            folding.take(stretch)
        self._store.put_fold(vin, extent, folding.result(from_ms))


def _redated(before: Timeline | None, after: Timeline | None) -> list[tuple[int, int | None]]:
    """What is dated differently, as it was dated before."""
    if before is None or after is None:
        return []
    return [
        (before.utc_ms(start_ms), None if end_ms is None else before.utc_ms(end_ms))
        for start_ms, end_ms in changed(before, after)
    ]


def _is_current(extent: Extent, known: Known) -> bool:
    return extent.profile == known.digest and not extent.is_ready and extent.dirty_from_ms is None


def _covered_ms(upload: Upload, samples: list[Sample]) -> int:
    """The upload's time, and that of its events."""
    times = [samples[0].at_ms, samples[-1].at_ms + 1] if samples else []
    return max([upload.end_ms, *times]) - min([upload.start_ms, *times])


def _stretch(upload: Upload, samples: list[Sample], timeline: Timeline, kernel: bytes) -> Stretch:
    said = messages(samples, timeline, kernel)
    from_ms = min([timeline.utc_ms(upload.start_ms), *(one.at_ms for one in said[:1])])
    # A clock that ran fast: the last milliseconds of an upload can be one.
    last_ms = said[-1].at_ms if said else from_ms
    to_ms = max(timeline.utc_ms(upload.end_ms), last_ms + 1)
    return Stretch(from_ms, to_ms, said, upload.reason is Reason.SLEEP)
