"""How many attempts there are at once: in all and to one target, quick senders and slow ones apart.

An attempt may last as long as a time limit, and a dead target makes each of its attempts last so long. So whoever
failed or was slow the last time waits for a place among its like, and never takes one of the others'. Within each part
places are given in the order in which they were asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

QUICK, SLOW = 128, 64
"""Attempts at once."""
PER_HOST = 8
"""Of each kind, to one host."""


class _Host:
    def __init__(self, places: int) -> None:
        self.places = asyncio.Semaphore(places)
        self.users = 0


class Slots:
    """Of one event loop."""

    def __init__(self, quick: int = QUICK, slow: int = SLOW, per_host: int = PER_HOST) -> None:
        self._all = {False: asyncio.Semaphore(quick), True: asyncio.Semaphore(slow)}
        self._per_host = per_host
        self._hosts: dict[tuple[str, bool], _Host] = {}

    @asynccontextmanager
    async def one(self, host: str, *, slow: bool) -> AsyncIterator[None]:
        # The host's first: who waits for a host that is busy takes no place from the others.
        async with self._of_host((host, slow)), self._all[slow]:
            yield

    @asynccontextmanager
    async def _of_host(self, key: tuple[str, bool]) -> AsyncIterator[None]:
        host = self._hosts.setdefault(key, _Host(self._per_host))
        host.users += 1
        try:
            async with host.places:
                yield
        finally:
            host.users -= 1
            if not host.users:
                del self._hosts[key]
