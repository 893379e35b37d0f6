"""One attempt to post a request to its target.

The name is resolved here and the connection made to an address that was checked; name and certificate are still
those of the target. So a name that leads elsewhere the next moment leads nowhere. Redirects are not followed, proxies
of the environment not used, cookies not kept. A 2xx in the first line of the answer is a delivery, whatever follows it;
of the rest a little is read, so that the connection can be used again, and no more.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec

from cloud_bridge.clock import clock_ms
from cloud_bridge.notify.addresses import Address, Permitted
from cloud_bridge.notify.connections import PER_TARGET, Connections
from cloud_bridge.notify.request import Request
from cloud_bridge.notify.resolving import Resolve, TargetError, expect_permitted

MOST_ADDRESSES = 4
"""Of a name, tried one after the other."""
REST_BYTES = 65_536
REST_S = 1.0
"""So much of an answer is read, and for so long."""
_LONGEST_TEXT = 300
_ENDED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class Answer(msgspec.Struct, frozen=True):
    failure: str = ""
    """For people; empty: it was delivered."""
    asked_ms: int = 0
    """How long the receiver asked to wait."""


class Limits(msgspec.Struct, frozen=True):
    connect_s: float = 5.0
    """To resolve a name, and to connect to an address."""
    whole_s: float = 20.0
    """Until the first line and the headers of an answer are there."""


def certificates(ca_file: Path | None) -> ssl.SSLContext:
    """The system's certificate authorities, and those in the file. Raises OSError."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except OSError as error:
            raise OSError(f"{ca_file} ([notifications] ca_file) has no certificates: {error}") from error
    return context


class Poster:
    """Of one event loop."""

    def __init__(
        self,
        context: ssl.SSLContext,
        permitted: Permitted,
        resolve: Resolve,
        limits: Limits,
    ) -> None:
        self._permitted = permitted
        self._resolve = resolve
        self._limits = limits
        self._connections = Connections(context)

    async def post(self, request: Request) -> Answer:
        try:
            url = httpx.URL(request.url)
        except httpx.InvalidURL:
            return Answer("its target is no address")
        with self._connections.to(url) as transport:
            try:
                async with asyncio.timeout(self._limits.whole_s):
                    response = await self._response(transport, url, request)
            except TimeoutError:
                return Answer(f"no answer within {self._limits.whole_s:g} s")
            except (httpx.LocalProtocolError, UnicodeError):
                return Answer("no request can be made of its attributes")  # Why would tell their values.
            except (TargetError, httpx.HTTPError, httpx.InvalidURL) as error:
                return Answer(_text(error))
            try:
                return await _answer(response)
            finally:
                with suppress(httpx.HTTPError):  # It has answered.
                    await response.aclose()

    async def close_idle(self) -> None:
        await self._connections.close_idle()

    async def close(self) -> None:
        await self._connections.close()

    async def _response(self, transport: httpx.AsyncHTTPTransport, url: httpx.URL, request: Request) -> httpx.Response:
        """Its head; the rest is still to be read."""
        if url.scheme != "https" and not (request.insecure and url.scheme == "http"):
            raise TargetError("its target is not https: the settings do not say that it may be (`insecure`)")
        host = url.raw_host.decode("ascii").strip("[]")
        failure: Exception = TargetError(f"{host} has no address")
        for address in (await self._addresses(host))[:MOST_ADDRESSES]:
            try:
                return await self._to(address, host, transport, url, request)
            except httpx.ConnectTimeout:
                failure = TargetError(f"{address} took no connection within {self._limits.connect_s:g} s")
            except httpx.ConnectError as error:
                failure = TargetError(f"no connection to {address}: {_text(error)}")
        raise failure

    async def _addresses(self, host: str) -> list[Address]:
        try:
            async with asyncio.timeout(self._limits.connect_s):
                addresses = await self._resolve(host)
        except TimeoutError:
            raise TargetError(f"{host} was not resolved within {self._limits.connect_s:g} s") from None
        expect_permitted(host, addresses, self._permitted)
        return addresses

    async def _to(
        self, address: Address, host: str, transport: httpx.AsyncHTTPTransport, url: httpx.URL, request: Request
    ) -> httpx.Response:
        is_new = False

        async def trace(event: str, _: dict[str, Any]) -> None:
            nonlocal is_new
            is_new = is_new or event == "connection.connect_tcp.started"

        seconds = self._limits.whole_s
        to_address = httpx.Request(
            "POST",
            url.copy_with(host=str(address)),
            headers=[("Host", url.netloc.decode("ascii")), *request.headers],
            content=request.body,
            extensions={
                "sni_hostname": host,
                "timeout": {"connect": self._limits.connect_s, "read": seconds, "write": seconds, "pool": seconds},
                "trace": trace,
            },
        )
        for _ in range(PER_TARGET):
            try:
                return await transport.handle_async_request(to_address)
            except _ENDED:
                # Of a connection that was kept it says only that the other side did not want to keep it.
                if is_new:
                    raise
        return await transport.handle_async_request(to_address)


async def _answer(response: httpx.Response) -> Answer:
    status = response.status_code
    if 200 <= status < 300:
        await _read_a_little(response)
        return Answer()
    if 300 <= status < 400:
        return Answer(f"the answer was {status}: redirects are not followed")
    asked = response.headers.get("Retry-After", "") if status in (429, 503) else ""
    return Answer(f"the answer was {status}", _asked_ms(asked, clock_ms()))


async def _read_a_little(response: httpx.Response) -> None:
    left = REST_BYTES
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(REST_S):
            async for part in response.aiter_raw():
                left -= len(part)
                if left < 0:
                    return


def _asked_ms(text: str, now_ms: int) -> int:
    """What a `Retry-After` asks for, seconds or a date; 0 for what is neither."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return 1000 * int(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0
    return max(0, int(at.replace(tzinfo=at.tzinfo or UTC).timestamp() * 1000) - now_ms)


def _text(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= _LONGEST_TEXT else words[: _LONGEST_TEXT - 1] + "…"
