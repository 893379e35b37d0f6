"""What is asked of a soak, beside what was seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from contract.ledger import Count
from tests.soak.flatness import after_warm_up, grown, slope, steadiness
from tests.soak.soak import Soaked

PROCESSES = ("bridge", "replay", "run")
MOST_JOURNAL_BYTES = 4 << 20
"""Of both vehicles; no upload waits for long."""
MOST_LOG_BYTES = 64 << 20
"""A checkpoint is due at 16 MB."""


@dataclass(frozen=True)
class Finding:
    what: str
    value: float
    unit: str
    least: float
    most: float

    @property
    def ok(self) -> bool:
        return self.least <= self.value <= self.most


@dataclass(frozen=True)
class Bounds:
    """What may grow after the warm-up; the shorter the soak, the more of that is noise."""

    rss_mb_an_hour: float
    """Of the vehicle's."""
    files: int
    """More of them in an agent."""
    threads: int
    """More of them."""
    steadiness: float
    """What an upload takes in the database in the second half, by what it took in the first."""


_READERS = 2
"""The bridge opens one more connection to its database when as many wait for an answer at once as never before."""
_DESCRIPTORS_EACH = 2


def findings(seen: Soaked, bounds: Bounds) -> list[Finding]:
    """What a defect made grow shows here, and what was not delivered."""
    found = [finding for name in PROCESSES for finding in (_memory(seen, name, bounds), *_counted(seen, name, bounds))]
    return found + _stored(seen, bounds) + _delivered(seen)


def _memory(seen: Soaked, name: str, bounds: Bounds) -> Finding:
    """Of the bridge, without what each of its connections may keep of the database, which grows."""
    grows, what = _an_hour(seen, name, "rss_bytes"), f"{name}: memory grows"
    if name == "bridge":
        grows -= seen.tracks["storage"].values["connections"][-1] * _an_hour(seen, "storage", "database_bytes")
        what += ", but for what it keeps of its database"
    return Finding(what, grows / 1e6, "MB/h", float("-inf"), bounds.rss_mb_an_hour)


def _an_hour(seen: Soaked, name: str, figure: str) -> float:
    """How much it grows with an hour of the vehicle's."""
    track = seen.tracks[name]
    return slope(*after_warm_up(track.at_s, track.values[figure])) * 3600 / seen.plan.speed


def _counted(seen: Soaked, name: str, bounds: Bounds) -> Iterator[Finding]:
    track = seen.tracks[name]
    yield Finding(f"{name}: memory at the end", track.values["rss_bytes"][-1] / 1e6, "MB", 0, float("inf"))
    for what in ("files", "threads"):
        _, counts = after_warm_up(track.at_s, track.values[what])
        most = bounds.files if what == "files" else bounds.threads
        if (name, what) == ("bridge", "files"):
            most += _READERS * _DESCRIPTORS_EACH
        yield Finding(f"{name}: more {what}", grown(counts), "", float("-inf"), most)
        yield Finding(f"{name}: {what} at the end", counts[-1], "", 0, float("inf"))


def _stored(seen: Soaked, bounds: Bounds) -> list[Finding]:
    track = seen.tracks["storage"]
    _, uploads = after_warm_up(track.at_s, track.values["uploads"])
    _, sizes = after_warm_up(track.at_s, track.values["database_bytes"])
    an_upload = (sizes[-1] - sizes[0]) / max(1, uploads[-1] - uploads[0]) / 1000
    journals, log = max(track.values["journal_bytes"]) / 1e6, max(track.values["write_ahead_bytes"]) / 1e6
    return [
        Finding("uploads in the database", uploads[-1], "", 1, float("inf")),
        Finding("database, an upload", an_upload, "kB", 0, float("inf")),
        Finding("database, an upload later by one before", steadiness(uploads, sizes), "×", 0, bounds.steadiness),
        Finding("journals, at most", journals, "MB", 0, MOST_JOURNAL_BYTES / 1e6),
        Finding("write-ahead log, at most", log, "MB", 0, MOST_LOG_BYTES / 1e6),
    ]


def _delivered(seen: Soaked) -> list[Finding]:
    numbers, frames = seen.replayed, seen.recording.frames
    live = seen.live
    if live is None or live.uplink is None or live.sampling is None:
        raise RuntimeError("the agent that ran never said how it was")
    failed = sum(count for status, count in seen.answers.items() if status not in (200, 404))
    return [
        Finding("frames in the ledgers of the replay", numbers["ledger"][Count.FRAMES], "", frames, frames),
        Finding("uploads missing, evicted, refused", _missing(numbers), "", 0, 0),
        Finding("uploads that the live agent made", live.sampling.uploads, "", 1, float("inf")),
        Finding("connections that it made", live.uplink.connections, "", seen.plan.broker_restarts, float("inf")),
        Finding("answers of the API that were none", failed, "", 0, 0),
        Finding("answers of the API", sum(seen.answers.values()), "", 1, float("inf")),
    ]


def _missing(numbers: dict[str, object]) -> int:
    missing, evicted, refusals = numbers["missing"], numbers["evicted"], numbers["refusals"]
    assert isinstance(missing, int)
    assert isinstance(evicted, int)
    assert isinstance(refusals, dict)
    return missing + evicted + sum(refusals.values())
