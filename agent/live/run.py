"""A live run: buses and receiver in, uploads out, until the service is stopped.

Stopping (SIGTERM) drains: the batch is closed, the journal flushed, and the receipts of what is in flight are waited
for a little. What is pending then goes with the next start.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from agent.health.reporter import Reporter, summary
from agent.health.snapshot import Identity
from agent.lifting import Progress
from agent.live.live import Live, opened
from agent.plan.plan import Plan
from agent.settings.agent import Settings

log = logging.getLogger(__name__)

DRAIN_S = 5.0
_WAIT_S = 0.25
_SAY_EVERY_S = 60.0


def run(
    vin: str,
    settings: Settings,
    plan: Plan,
    stop: threading.Event,
    report: Callable[[Progress], None] = lambda _: None,
    drain_s: float = DRAIN_S,
) -> Progress:
    """Runs until `stop` is set. `report` is called some times a second.

    Raises InterfaceError (the settings name an interface that does not exist), HeldError, CredentialsError,
    UplinkEndedError, WrongVehicleError, OSError when the state folder cannot be written.
    """
    with opened(vin, settings, plan) as live:
        log.info("running: vehicle %s, boot %s, buses %s", vin, live.boot.hex(), ", ".join(settings.buses))
        identity = Identity(vin, plan.manifest.model, live.boot, os.getpid())
        with Reporter(identity, live.health(settings), settings.health) as reporter:
            try:
                _loop(live, reporter, stop, report)
            finally:
                # Also what came before a failure is kept.
                reporter.stopping()
                live.end()
            if not live.lift.journal.wait_until_at_most(0, drain_s):
                log.info("%d uploads stay in the journal for the next start", live.lift.journal.depth)
            return live.progress()


def _loop(live: Live, reporter: Reporter, stop: threading.Event, report: Callable[[Progress], None]) -> None:
    said_s = time.monotonic()
    for frames in live.gathering.batches(_WAIT_S):
        live.turn(frames)
        report(live.progress())
        reporter.turned(live.gathering.settled_ms, live.lift.uplink.alive)
        if time.monotonic() - said_s >= _SAY_EVERY_S:
            said_s = time.monotonic()
            log.info("%s", summary(reporter.snapshot()))
        if stop.is_set():
            live.collector.feed(live.gathering.rest())
            return
