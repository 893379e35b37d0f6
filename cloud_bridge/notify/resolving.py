"""Names of targets become addresses, each time anew, and all of them must be permitted.

The system's resolver blocks a thread for as long as it likes: a name whose servers never answer holds one up for half a
minute. So each name that is looked up has a thread of its own, and one only, whoever waits for it and for how long.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from ipaddress import ip_address

from cloud_bridge.notify.addresses import Address, Permitted

MOST_LOOKUPS = 256
"""At once."""

Resolve = Callable[[str], Awaitable[list[Address]]]


class TargetError(Exception):
    """A target that cannot be used, or not now; the text says why, and what an operator can do."""


def look_up(host: str) -> list[Address]:
    """Blocks. Raises OSError, and UnicodeError for what cannot be a name."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(address[0]) for *_, address in found))


class SystemResolver:
    """A `Resolve` of one event loop, by threads that end with the process."""

    def __init__(self, look_up: Callable[[str], list[Address]] = look_up, most: int = MOST_LOOKUPS) -> None:
        self._look_up = look_up
        self._most = most
        self._under_way: dict[str, asyncio.Future[list[Address]]] = {}

    async def __call__(self, host: str) -> list[Address]:
        future = self._under_way.get(host)
        if future is None:
            if len(self._under_way) >= self._most:
                raise TargetError(f"too many names are being looked up already: {host} has to wait")
            future = self._under_way[host] = asyncio.get_running_loop().create_future()
            threading.Thread(target=self._work, args=(host, future), name="target-lookup", daemon=True).start()
        return await asyncio.shield(future)

    def _work(self, host: str, future: asyncio.Future[list[Address]]) -> None:
        found: list[Address] | TargetError
        try:
            found = self._look_up(host)
        except (OSError, UnicodeError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            found = TargetError(f"{host} cannot be resolved: {why}")
        with suppress(RuntimeError):  # The loop was closed: nobody waits any more.
            future.get_loop().call_soon_threadsafe(self._hand_out, host, future, found)

    def _hand_out(self, host: str, future: asyncio.Future[list[Address]], found: list[Address] | TargetError) -> None:
        del self._under_way[host]
        if isinstance(found, TargetError):
            future.set_exception(found)
            future.exception()  # It may be that nobody waits any more.
        else:
            future.set_result(found)


def expect_permitted(host: str, addresses: Iterable[Address], permitted: Permitted) -> None:
    """Raises TargetError if one of them is not: which is connected to would be the other side's choice."""
    for address in addresses:
        what = permitted.refusal(address)
        if what is not None:
            raise TargetError(
                f"{host} has the address {address}, which is refused: it is {what}. If it is yours, name its network in"
                " [notifications] allow of the settings"
            )
