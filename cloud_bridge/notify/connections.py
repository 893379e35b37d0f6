"""Connections to targets, kept for a short while: what waited goes out without a handshake for each.

Those of one name are never used for another, also where both have the same address: whose certificate was looked at is
the name's.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

PER_TARGET = 8
"""Connections to one name and port, most."""
KEPT_S = 15.0
MOST_TARGETS = 256
"""Of which connections are kept."""

_Name = tuple[str, bytes, int | None]


class _Pool:
    def __init__(self, context: ssl.SSLContext) -> None:
        limits = httpx.Limits(max_keepalive_connections=PER_TARGET, keepalive_expiry=KEPT_S)
        self.transport = httpx.AsyncHTTPTransport(verify=context, limits=limits, trust_env=False)
        self.users = 0
        self.used_s = 0.0


class Connections:
    """Of one event loop."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._pools: dict[_Name, _Pool] = {}

    @contextmanager
    def to(self, url: httpx.URL) -> Iterator[httpx.AsyncHTTPTransport]:
        """What makes connections for the name and port of `url`, and keeps them."""
        name = (url.scheme, url.raw_host, url.port)
        pool = self._pools.pop(name, None) or _Pool(self._context)
        self._pools[name] = pool  # The one used last is the last.
        pool.users += 1
        try:
            yield pool.transport
        finally:
            pool.users -= 1
            pool.used_s = time.monotonic()

    async def close_idle(self) -> None:
        """Those that were not used for a while, and those of too many targets."""
        now_s = time.monotonic()
        idle = [(name, pool) for name, pool in self._pools.items() if not pool.users]
        many = len(self._pools) - MOST_TARGETS
        gone = [
            (name, pool) for number, (name, pool) in enumerate(idle) if number < many or now_s - pool.used_s > KEPT_S
        ]
        for name, _ in gone:
            del self._pools[name]
        for _, pool in gone:
            await pool.transport.aclose()

    async def close(self) -> None:
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.transport.aclose()
