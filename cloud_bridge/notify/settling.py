"""What came of attempts is written as it comes, that of many in one transaction.

Until it is written the sender goes on with nothing. What cannot be written now (the disk is full, somebody holds the
database) is tried until it can: posting the same again meanwhile would help nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.outbox import Attempted

AGAIN_S = 1.0

log = logging.getLogger(__name__)

_Future = asyncio.Future[None]


class Settler:
    """Of one event loop."""

    def __init__(self, write: Callable[[Sequence[Attempted]], Awaitable[None]], again_s: float = AGAIN_S) -> None:
        """`write` raises StoreError where it cannot now."""
        self._write = write
        self._again_s = again_s
        self._waiting: list[tuple[Attempted, _Future]] = []
        self._writing: asyncio.Task[None] | None = None

    async def settle(self, attempted: Attempted) -> None:
        """Returns when it is written; raises what a defect of `write` raises."""
        future: _Future = asyncio.get_running_loop().create_future()
        self._waiting.append((attempted, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._work())
        await future

    async def close(self) -> None:
        """Ends without what cannot be written."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _work(self) -> None:
        try:
            while self._waiting:
                taken, self._waiting = self._waiting, []
                failure: Exception | None = None
                try:
                    await self._until_written([attempted for attempted, _ in taken])
                except Exception as wrong:  # noqa: BLE001 (who waits for it says it)
                    failure = wrong
                for _, future in taken:
                    if not future.done():
                        future.set_result(None) if failure is None else future.set_exception(failure)
        finally:
            self._writing = None

    async def _until_written(self, attempts: Sequence[Attempted]) -> None:
        while True:
            try:
                await self._write(attempts)
            except StoreError as error:
                log.error("what came of notifications cannot be written now, trying again: %s", error)
                await asyncio.sleep(self._again_s)
            else:
                return
