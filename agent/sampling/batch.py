"""Batches: what the sampler gives."""

from __future__ import annotations

import msgspec

from contract.upload import Anchor, Change, Event, Grid, Ledger, Privacy, Reason


class Batch(msgspec.Struct, frozen=True):
    """An upload without what the sampler cannot know: boot, sequence, vehicle and manifest id."""

    reason: Reason
    start_ms: int
    end_ms: int
    anchor: Anchor | None
    ledger: Ledger
    grids: tuple[Grid, ...]
    changes: tuple[Change, ...]
    events: tuple[Event, ...] = ()
    """The events that it is about."""
    said: Privacy | None = None
    """What the vehicle says of the privacy from the end of this batch on; None: nothing new."""
    privacy: Privacy = Privacy.NONE
    """What it was held to (`agent.privacy.enforcing`); the sampler holds nothing back."""
