"""What runs in another thread comes back to who waits for it, result or failure, in whatever event loop that is."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from cloud_bridge.api.workers import Workers


@pytest.fixture(scope="module")
def workers() -> Workers:
    return Workers("test", 3)


def test_the_loop_goes_on_while_a_function_waits(workers: Workers) -> None:
    reached = threading.Event()

    def wait(seconds: float) -> bool:
        return reached.wait(seconds)

    async def both() -> bool:
        waiting = asyncio.ensure_future(workers.run(wait, 30.0))
        await asyncio.sleep(0)
        reached.set()
        return await waiting

    assert asyncio.run(both())


def test_every_result_comes_back_to_its_own_waiter(workers: Workers) -> None:
    async def many() -> list[int]:
        return await asyncio.gather(*(workers.run(lambda number: number * number, number) for number in range(500)))

    for _ in range(3):
        assert asyncio.run(many()) == [number * number for number in range(500)]


def test_a_failure_is_raised_where_it_is_waited_for(workers: Workers) -> None:
    def fail(text: str) -> None:
        raise LookupError(text)

    for _ in range(5):
        with pytest.raises(LookupError, match="nothing there"):
            asyncio.run(workers.run(fail, "nothing there"))
    assert asyncio.run(workers.run(abs, -1)) == 1


def test_who_does_not_wait_any_more_holds_nobody_up(workers: Workers) -> None:
    async def leave() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(workers.run(time.sleep, 0.1), 0.001)

    async def close_at_once() -> None:
        left = asyncio.ensure_future(workers.run(time.sleep, 0.05))
        await asyncio.sleep(0)
        left.cancel()

    asyncio.run(leave())
    asyncio.run(close_at_once())
    assert asyncio.run(workers.run(abs, -2)) == 2
