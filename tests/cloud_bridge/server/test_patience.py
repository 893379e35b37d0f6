"""Connections of those who do not go on, on real sockets."""

from __future__ import annotations

import asyncio
import selectors
import socket
import time
from collections.abc import Awaitable, Callable

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.server import ServerState

from cloud_bridge.serve import configuration
from cloud_bridge.server.patience import PatientProtocol

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
LARGE = 32 << 20
"""More than the kernel takes of an answer before anybody reads it."""
TURN_S = 0.01
"""Of the event loop, at most."""
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Hasty(PatientProtocol):
    patience_s = 0.3


class Attentive(selectors.DefaultSelector):
    """Looks up often."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(TURN_S if timeout is None else min(timeout, TURN_S))


class Steady(asyncio.SelectorEventLoop):
    """While the machine has no time for it its clock stands still: nobody who is in the same loop is late by that."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._looked_s = time.monotonic()
        super().__init__(Attentive())

    def time(self) -> float:
        before_s, self._looked_s = self._looked_s, time.monotonic()
        self._now_s += min(self._looked_s - before_s, 2 * TURN_S)
        return self._now_s


async def _answer(request: Request) -> Response:
    if "slow" in request.query_params:
        await asyncio.sleep(3 * Hasty.patience_s)
    return PlainTextResponse("x" * int(request.query_params.get("size", 1)))


def served(talk: Talk, state: ServerState | None = None) -> None:
    """`talk` on a connection to a server, which keeps its `state` there."""
    state = state or ServerState()

    async def serve() -> None:
        config = configuration(Starlette(routes=[Route("/", _answer)]))
        config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Hasty(config, state, {}), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await asyncio.wait_for(talk(reader, writer), 30)
            writer.close()

    with asyncio.Runner(loop_factory=Steady) as runner:
        runner.run(serve())


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What still comes until the server ends the connection."""
    found = b""
    try:
        while part := await reader.read(1 << 20):
            found += part
    except ConnectionResetError:
        pass
    return found


def test_the_server_of_the_bridge_has_this_patience() -> None:
    assert configuration(Starlette()).http is PatientProtocol


@pytest.mark.parametrize("begun", [b"", HEAD, HEAD + b"X: "])
def test_a_head_that_never_ends_ends_the_connection(begun: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        assert await ended(reader) == b""

    served(talk)


def test_a_head_that_never_ends_does_so_after_an_answer_too() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\n" + HEAD)
        assert (await ended(reader)).count(b"200 OK") == 1

    served(talk)


def test_a_body_that_nobody_asked_for_does_not_hold_the_connection() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 1000\r\n\r\nx")
        assert b"200 OK" in await ended(reader)

    served(talk)


def test_an_answer_that_takes_its_time_is_waited_for() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /?slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await ended(reader)).endswith(b"x")

    served(talk)


def test_an_answer_that_nobody_takes_is_dropped() -> None:
    state = ServerState()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET /?size=%d HTTP/1.1\r\nHost: x\r\n\r\n" % LARGE)
        while not state.connections:
            await asyncio.sleep(Hasty.patience_s)
        while state.connections:
            await asyncio.sleep(Hasty.patience_s)
        assert len(await ended(reader)) < LARGE

    served(talk, state)


def test_an_answer_that_is_taken_slowly_comes_whole() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own: socket.socket = writer.get_extra_info("socket")
        assert own.family is socket.AF_INET
        writer.write(b"GET /?size=%d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % LARGE)
        taken = 0
        while part := await reader.read(LARGE // 64):
            taken += len(part)
            await asyncio.sleep(Hasty.patience_s / 16)
        assert taken > LARGE

    served(talk)
