"""What a live run and a replay have in common: a vehicle's journal, manifests and uplink, opened together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agent.journal.inventory import JOURNAL, MANIFESTS
from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.journal.thinning import thinned_payload
from agent.settings.agent import Settings
from agent.uplink.bridge_time import BridgeTime
from agent.uplink.orders import Orders
from agent.uplink.uplink import Uplink
from contract.manifest import Manifest, encode_manifest

if TYPE_CHECKING:
    from agent.watching.desired import Desired

BUDGET = "uplink-budget"
WATCH = "watch"
"""The file below the vehicle's state that keeps what is to be watched."""

log = logging.getLogger(__name__)


class UplinkEndedError(Exception):
    """The uplink's thread is gone, which only a defect can cause: the process should be started anew."""


class Progress(msgspec.Struct, frozen=True):
    """How far it is. Counts are since the start."""

    at_ms: int
    """On the boot's clock; in a replay, since the recording's first frame."""
    frames: int
    samples: int
    uploads: int
    receipted: int
    refused: int
    depth: int
    """Uploads pending in the journal."""
    wire_bytes: int
    """MQTT PUBLISH packets, repeats included."""
    connections: int
    connected: bool
    bridge_silent: bool
    """Whether uploads reach a broker and nobody receipts them."""
    unreadable: int
    put_aside: int = 0
    """Uploads and manifests that do not get through while others do; the log names them."""


class Lifting:
    def __init__(self, journal: Journal, manifests: Manifests, uplink: Uplink) -> None:
        self.journal = journal
        self.manifests = manifests
        self.uplink = uplink

    def tick(self) -> None:
        """What is due from time to time. Raises UplinkEndedError."""
        self.journal.tick()
        if not self.uplink.alive:
            raise UplinkEndedError("the uplink ended unexpectedly; what is pending is kept in the journal")

    def progress(self, at_ms: int, frames: int, samples: int, uploads: int, unreadable: int) -> Progress:
        counters = self.uplink.counters
        return Progress(
            at_ms,
            frames,
            samples,
            uploads,
            counters.receipted,
            counters.refused,
            self.journal.depth,
            counters.wire_bytes,
            counters.connections,
            self.uplink.connected,
            self.uplink.bridge_silent,
            unreadable,
            self.uplink.put_aside,
        )


def state_of(vin: str, settings: Settings) -> Path:
    """Where a vehicle's state is kept: each vehicle has its own, so that no upload leaves under another's name."""
    return settings.state / vin


@contextmanager
def lifting(
    vin: str,
    settings: Settings,
    manifest: Manifest,
    *,
    live: bool,
    bridge_time: BridgeTime | None = None,
    utc_ms: Callable[[], int | None] = lambda: None,
) -> Iterator[Lifting]:
    """`live` when there is a now, which goes first after an outage; `bridge_time` is told what leaves and which
    receipts come; `utc_ms` is the best time that is known.

    Raises HeldError and CredentialsError. A state folder that cannot be written is logged, and memory used instead.
    """
    folder = state_of(vin, settings)
    manifests = Manifests(folder / MANIFESTS)
    manifests.put(encode_manifest(manifest))
    limits = settings.journal
    with (
        Journal(
            folder / JOURNAL,
            time.monotonic,
            max_bytes=limits.max_bytes,
            segment_bytes=limits.segment_bytes,
            memory_bytes=limits.memory_bytes,
            disk_share=limits.max_disk_share,
            reserve_bytes=limits.reserve_bytes,
            flush_every_s=limits.flush_every / 1000,
            hold_s=limits.hold / 1000,
            wear_bytes_per_day=limits.wear_bytes_per_day,
            newest_first=live,
            thinner=lambda payload: thinned_payload(payload, manifests.get),
        ) as journal,
        Uplink(
            vin,
            settings.uplink,
            journal,
            manifests,
            time.monotonic,
            bridge_time,
            utc_ms=utc_ms,
            orders=Orders(
                vin,
                privacy=live and settings.commands.privacy,
                actions=live and settings.remote.enabled,
                keys=settings.commands.public_keys if live else {},
            ),
            desired=_desired(vin, settings, folder) if live else None,
            budget_file=folder / BUDGET,
        ) as uplink,
    ):
        threading.Thread(target=journal.thin_ahead, name="thinning", daemon=True).start()
        if journal.depth:
            log.info("%d uploads from earlier are pending", journal.depth)
        yield Lifting(journal, manifests, uplink)


def _desired(vin: str, settings: Settings, folder: Path) -> Desired | None:
    if not settings.commands.watch:
        return None
    # Here and not above: where the cloud may not ask for it, nothing of it is loaded.
    from agent.watching.desired import Desired

    return Desired(vin, folder / WATCH, settings.commands.public_keys)
