"""What a vehicle would send for a recording: the agent's own way from frames to the journal, without a broker."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from agent.bus.losses import Losses
from agent.bus.recording import Recording
from agent.clocks.anchors import recording_anchor
from agent.collector import Collector
from agent.gnss import recorded
from agent.journal.journal import Journal
from agent.journal.numbering import Numbering, boot_of_a_recording
from agent.plan.compiling import compile_plan
from agent.sampling.sampler import Sampler
from contract.manifest import encode_manifest
from contract.upload import Reason
from tests.conftest import ROOT

PROFILES = ROOT / "config" / "vehicles"


@dataclass(frozen=True)
class Sent:
    vin: str
    model: str
    manifest: bytes
    uploads: tuple[bytes, ...]
    profiles: Path = PROFILES
    """Where its model is described."""


def collect(
    folder: Path, log: Path, nmea: Path | None, vin: str, model: str, cadence_ms: int, profiles: Path = PROFILES
) -> Sent:
    """Plays `log`; the encoded uploads, in the order of their numbers."""
    plan = compile_plan(profiles / f"{model}.toml", cadence_ms=cadence_ms)
    losses = Losses()
    recording = Recording([log], tuple(plan.buses), {}, losses)
    batches = recording.batches()
    if nmea is not None:
        batches = recorded.merged(batches, recorded.fixes(nmea, recording.start_utc_ms, losses))
    anchor = recording_anchor(recording.start_utc_ms)
    with Journal(folder / "journal", time.monotonic, segment_bytes=1 << 20, flush_every_s=1e6) as kept:
        collector = Collector(
            vin, plan.manifest, Sampler(plan, 0), Numbering(boot_of_a_recording()), kept, [losses], lambda: anchor
        )
        last_ms = 0
        for batch in batches:
            if batch:
                collector.feed(batch)
                last_ms = batch[-1].at_ms
        collector.close(last_ms + 1, Reason.SLEEP)
        stored = kept.pending(1_000_000, max_bytes=1 << 30)
    return Sent(vin, model, encode_manifest(plan.manifest), tuple(each.payload for each in stored), profiles)
