"""What came of attempts is written before a sender goes on, and whatever becomes of writing, nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from cloud_bridge.notify.settling import Settler
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.outbox import Attempted


class Store:
    """Fails as told, and then no more."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.written: list[str] = []

    async def write(self, attempts: Sequence[Attempted]) -> None:
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        self.written += [one.sender for one in attempts]


def settle(store: Store, *senders: str) -> list[BaseException | None]:
    async def run() -> list[BaseException | None]:
        settler = Settler(store.write, again_s=0.01)
        attempts = [settler.settle(Attempted(one, ("n",))) for one in senders]
        return await asyncio.wait_for(asyncio.gather(*attempts, return_exceptions=True), 30)

    return asyncio.run(run())


def test_those_that_come_together_are_written_together_and_all_go_on() -> None:
    store = Store()
    assert settle(store, "m1", "m2") == [None, None]
    assert store.written == ["m1", "m2"]


def test_what_the_database_refuses_is_written_when_it_can_be() -> None:
    store = Store(StoreError("disk full"), StoreError("disk full"))
    assert settle(store, "m1") == [None]
    assert store.written == ["m1"]


def test_a_defect_is_told_to_those_that_wait_and_what_comes_later_is_written() -> None:
    store = Store(ValueError("no"))

    async def run() -> None:
        settler = Settler(store.write)
        with pytest.raises(ValueError, match="no"):
            await asyncio.wait_for(settler.settle(Attempted("m1", ("n",))), 30)
        await asyncio.wait_for(settler.settle(Attempted("m2", ("n",))), 30)

    asyncio.run(run())
    assert store.written == ["m2"]
