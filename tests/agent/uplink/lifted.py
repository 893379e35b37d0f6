"""An uplink at work, and what it comes to in the end."""

from __future__ import annotations

import time

from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.settings.uplink import UplinkSettings
from agent.uplink.uplink import Uplink
from tests.agent.bridge import eventually
from tests.agent.uplink.quick import VIN


def lift(journal: Journal, manifests: Manifests, chosen: UplinkSettings) -> Uplink:
    return Uplink(VIN, chosen, journal, manifests, time.monotonic)


def taken_over(uplink: Uplink, published: int, receipted: int = 0) -> bool:
    """Whether in the end so many have been published and the broker has all of them, and so many are receipted."""
    counters, exchange = uplink.counters, uplink._exchange
    counted = (published, receipted)
    return eventually(lambda: (counters.published, counters.receipted) == counted and not exchange._unacknowledged)


def connected(uplink: Uplink, times: int) -> bool:
    return eventually(lambda: uplink.counters.connections >= times)
