"""Looking at uploads that are not derived yet: each becomes a chunk of its vehicle's time.

It is decoded with its manifest, unified, and dated by the anchors of its kernel boot (`records.timeline`). An upload of
a boot without an anchor waits; no datum without a date is published. Another anchor makes those uploads pending again
that it dates differently. What has other columns than its manifest, or one that cannot be read, or covers more than
`LONGEST_MS`, is left to quarantine.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable

from cloud_bridge.deriving.folding import DAY_MS
from cloud_bridge.profiles import Known
from cloud_bridge.records.fold import Stretch
from cloud_bridge.records.messages import messages
from cloud_bridge.records.timeline import Timeline, believed, changed, thinned, timeline
from cloud_bridge.store.port.derived import Chunk, Dating, Derived, Pending, Step, Undecodable
from cloud_bridge.unify.events import with_events
from cloud_bridge.unify.privacy import with_privacy
from cloud_bridge.unify.sample import Sample
from cloud_bridge.unify.unifier import Unifier
from contract.manifest import Manifest, decode_manifest
from contract.upload import Anchor, Reason, Upload, decode_upload
from contract.wire import Refusal, WireError

LONGEST_MS = 8 * DAY_MS
"""What an upload may cover: a day more than the longest sampling interval. One that says it covers years would overlap,
and hold up, everything else that its vehicle sends."""
_UNIFIERS = 256
_TOLD_APART = 4096
"""Vehicles."""

log = logging.getLogger(__name__)


class Looking:
    """Of several threads at once."""

    def __init__(self, store: Derived) -> None:
        self._store = store
        self._unifiers: dict[tuple[bytes, bytes], tuple[Manifest, Unifier]] = {}
        self._told_apart: set[tuple[str, str]] = set()

    def look(self, vin: str, known: Known, ready: list[Pending]) -> Step:
        datings, timelines = self._date(vin, ready)
        chunks: list[Chunk] = []
        undecodable: list[Undecodable] = []
        undated: list[Pending] = []
        for pending in ready:
            line = timelines[pending.kernel]
            if line is None:
                undated.append(pending)
                continue
            try:
                manifest, unifier = self._unifier(vin, pending.manifest, known)
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
        if found[0].model != known.profile.model:
            self._tell_apart(vin, found[0].model, known.profile.model)
        return found

    def _tell_apart(self, vin: str, sent: str, registered: str) -> None:
        """A vehicle of another model gives little or nothing, and nobody would know why; said once."""
        if (vin, sent) in self._told_apart:
            return
        if len(self._told_apart) >= _TOLD_APART:
            self._told_apart.clear()
        self._told_apart.add((vin, sent))
        log.warning(
            "vehicle %s collects as the model %s and is registered as %s: only what both have is known of it;"
            " `profile` in its agent.toml says the one; `canlift-bridge vehicle erase`, then `add --model`, the other",
            vin,
            sent,
            registered,
        )


def _redated(before: Timeline | None, after: Timeline | None) -> list[tuple[int, int | None]]:
    """What is dated differently, as it was dated before."""
    if before is None or after is None:
        return []
    return [
        (before.utc_ms(start_ms), None if end_ms is None else before.utc_ms(end_ms))
        for start_ms, end_ms in changed(before, after)
    ]


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
