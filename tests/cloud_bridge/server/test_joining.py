"""What is written in one go leaves in one go, in order, and before the connection is closed."""

from __future__ import annotations

import asyncio
from typing import cast

from cloud_bridge.server.joining import Joining


class Line:
    """A transport that notes what is done with it."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done


def test_what_is_written_in_one_turn_of_the_loop_leaves_together() -> None:
    async def talk() -> list[bytes | str]:
        line = Line()
        joining = Joining(cast("asyncio.Transport", line), asyncio.get_running_loop())
        for part in (b"head ", b"", b"body"):
            joining.write(part)
        assert line.done == []
        await asyncio.sleep(0)
        joining.write(b"next")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return line.done

    assert asyncio.run(talk()) == [b"head body", b"next"]


def test_nothing_is_lost_by_closing_and_all_else_is_the_transport_s() -> None:
    async def talk() -> list[bytes | str]:
        line = Line()
        joining = Joining(cast("asyncio.Transport", line), asyncio.get_running_loop())
        joining.write(b"last words")
        joining.close()
        assert joining.is_closing()  # type: ignore[operator]
        await asyncio.sleep(0)
        return line.done

    assert asyncio.run(talk()) == [b"last words", "closed"]
