"""Replaying recorded logs as if they were the vehicle: the same way through as on the road, up to the last receipt.

The recording's times are the vehicle's clock; the wall's clock only paces. At full speed the flow is held back when the
journal grows, so memory stays bounded and nothing is evicted.

A replay that was interrupted (killed, no bridge) is continued by the same command: it plays from the beginning, but as
the same boot, so every upload has the number it had before, and the bridge ignores those that it holds. The boot is
kept in the state folder under the digest of what determines the uploads: recordings, NMEA file, vehicle and plan. Once
everything is receipted it is forgotten: the same recording replayed again then is another drive.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path

import msgspec

from agent.bus.frame import Frame
from agent.bus.losses import Damage, Losses
from agent.bus.recording import Recording
from agent.clocks.anchors import recording_anchor
from agent.collector import Collector
from agent.disk.durable import make_private
from agent.gnss import recorded
from agent.journal.numbering import BOOT_BYTES, Numbering, boot_of_a_recording
from agent.lifting import Lifting, Progress, lifting, state_of
from agent.plan.compiling_events import event_names
from agent.plan.plan import Plan
from agent.privacy.enforcing import Enforcing
from agent.privacy.guard import Guard, Source
from agent.replay.pacing import paced
from agent.sampling.sampler import Sampler
from agent.settings.agent import Settings
from contract.manifest import manifest_id
from contract.upload import Privacy, Reason

log = logging.getLogger(__name__)

TIMEOUT_S = 60.0
_REPORT_EVERY_S = 0.1
_DAMAGES_NAMED = 20


class Ended(Enum):
    RECEIPTED = "every upload is receipted"
    TIMED_OUT = "no receipt came"
    STOPPED = "interrupted"


class Outcome(msgspec.Struct, frozen=True):
    ended: Ended
    progress: Progress
    damage: tuple[Damage, ...]
    """The first of what could not be read."""


class Replay(msgspec.Struct, frozen=True):
    """What to play, and how."""

    logs: tuple[Path, ...]
    vin: str
    profile: Path
    settings: Settings
    nmea: Path | None = None
    speed: float | None = None
    """Recorded seconds a second; None: as fast as the uplink takes it."""
    timeout_s: float = TIMEOUT_S
    """How long to wait for a receipt, any receipt, before giving up."""
    mapping: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The profile's bus for an interface of the recording."""


class _EndedError(Exception):
    """The replay ends here."""

    def __init__(self, ended: Ended) -> None:
        super().__init__(ended.value)
        self.ended = ended


class _Player:
    """Plays into a collector, and waits for receipts."""

    def __init__(
        self,
        collector: Collector,
        lift: Lifting,
        losses: Losses,
        report: Callable[[Progress], None],
        stop: threading.Event,
        timeout_s: float,
    ) -> None:
        self._collector = collector
        self._lift = lift
        self._losses = losses
        self._report = report
        self._stop = stop
        self._timeout_s = timeout_s
        self._reported_s = float("-inf")
        self._at_ms = 0

    @property
    def progress(self) -> Progress:
        collector = self._collector
        return self._lift.progress(
            self._at_ms, collector.frames, collector.samples, collector.uploads, self._losses.unreadable
        )

    def play(self, batches: Iterator[list[Frame]], most_pending: int) -> None:
        """Raises _EndedError when stopped, or when there is no room and no receipt comes."""
        for batch in batches:
            if batch:
                self._at_ms = batch[-1].at_ms
                self._collector.feed(batch)
            self._tick()
            self._wait_until(lambda: self._lift.journal.depth <= most_pending)
        if self._stop.is_set():
            raise _EndedError(Ended.STOPPED)

    def finish(self) -> None:
        """The recording is over, as if the buses had fallen silent.

        Raises _EndedError when stopped, or when no receipt comes.
        """
        self._collector.close(self._at_ms + 1, Reason.SLEEP)
        self._wait_until(lambda: self._lift.uplink.settled)

    def pause(self, seconds: float) -> bool:
        """Waits for a frame's time to come; True when stopped."""
        deadline_s = time.monotonic() + seconds
        while (left_s := deadline_s - time.monotonic()) > 0:
            if self._stop.wait(min(left_s, _REPORT_EVERY_S)):
                return True
            self._tick()
        return False

    def _wait_until(self, reached: Callable[[], bool]) -> None:
        counters = self._lift.uplink.counters
        heard, heard_s = counters.receipted + counters.refused, time.monotonic()
        while not reached():
            if self._stop.is_set():
                raise _EndedError(Ended.STOPPED)
            now = counters.receipted + counters.refused
            if now != heard:
                heard, heard_s = now, time.monotonic()
            elif time.monotonic() - heard_s >= self._timeout_s:
                raise _EndedError(Ended.TIMED_OUT)
            self._tick()
            self._lift.journal.wait_until_at_most(self._lift.journal.depth - 1, 0.05)

    def _tick(self) -> None:
        self._lift.tick()
        now_s = time.monotonic()
        if now_s - self._reported_s >= _REPORT_EVERY_S:
            self._reported_s = now_s
            self._report(self.progress)


def replay(wanted: Replay, plan: Plan, report: Callable[[Progress], None], stop: threading.Event) -> Outcome:
    """Plays until every upload is receipted, `stop` is set, or no receipt comes.

    `report` is called some times a second, from this thread. Raises RecordingError, HeldError, CredentialsError,
    OSError when the state folder cannot be written, UplinkEndedError.
    """
    damage: list[Damage] = []

    def note(found: Damage) -> None:
        if len(damage) < _DAMAGES_NAMED:
            damage.append(found)
            log.warning("%s", found)

    losses = Losses(note)
    recording = Recording(wanted.logs, tuple(plan.buses), wanted.mapping, losses)
    batches = recording.batches()
    if wanted.nmea is not None:
        batches = recorded.merged(batches, recorded.fixes(wanted.nmea, recording.start_utc_ms, losses))
    anchor = recording_anchor(recording.start_utc_ms)
    remembered = _Remembered(state_of(wanted.vin, wanted.settings), _identity(wanted, plan))
    with lifting(wanted.vin, wanted.settings, plan.manifest, live=False) as lift:
        # What the recorded vehicle says of its privacy holds for its replay, which has no other source of it.
        said = [] if plan.privacy.source is None else [Source.BUS]
        collector = Collector(
            wanted.vin,
            plan.manifest,
            Enforcing(Sampler(plan, 0), plan, Guard(None, said, Privacy.NONE)),
            Numbering(remembered.boot()),
            lift.journal,
            [losses],
            lambda: anchor,
            lift.uplink.wake,
        )
        player = _Player(collector, lift, losses, report, stop, wanted.timeout_s)
        try:
            # Twice what is in flight keeps the uplink busy; more would only wait in memory.
            player.play(
                paced(batches, wanted.speed, time.monotonic, player.pause), 2 * wanted.settings.uplink.in_flight
            )
            player.finish()
        except _EndedError as over:
            return Outcome(over.ended, player.progress, tuple(damage))
        finally:
            report(player.progress)
        remembered.forget()
        return Outcome(Ended.RECEIPTED, player.progress, tuple(damage))


def _identity(wanted: Replay, plan: Plan) -> str:
    """A digest of all that determines the uploads of a replay."""
    whole = hashlib.sha256(wanted.vin.encode() + manifest_id(plan.manifest))
    cadences = sorted(plan.cadences_ms.items())
    whole.update(repr((cadences, sorted(event_names(plan)), sorted(wanted.mapping.items()))).encode())
    for path in (wanted.profile, *wanted.logs, *([wanted.nmea] if wanted.nmea else [])):
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()[:16]


class _Remembered:
    """The boot of a replay that has not been finished."""

    def __init__(self, folder: Path, identity: str) -> None:
        self._path = folder / f"{identity}.replay"

    def boot(self) -> bytes:
        """That of the interrupted replay, or a new one, remembered from now on. Raises OSError."""
        with suppress(FileNotFoundError):
            boot = self._path.read_bytes()
            if len(boot) == BOOT_BYTES:
                log.info("continuing the replay that was interrupted")
                return boot
        boot = boot_of_a_recording()
        make_private(self._path.parent)
        unfinished = self._path.with_suffix(".new")
        unfinished.write_bytes(boot)
        unfinished.replace(self._path)
        return boot

    def forget(self) -> None:
        self._path.unlink(missing_ok=True)
