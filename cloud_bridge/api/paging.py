"""Pages of a collection, and the token that names one.

A token is the page's whole context: which collection, the query as it was asked, the time it was asked at (so that
"up to now" means the same on every page) and the index of the page's first element. It is

    base64url(payload | first 16 bytes of HMAC-SHA-256(key, payload))
    payload = MessagePack [path, pairs, start, now_ms]

without padding. The server keeps nothing. The key is made of the server's and the client's id: a token that was
changed, that belongs to another collection, or that another client was given, is refused. It is no credential: every
page checks the caller's rights again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import msgspec

from cloud_bridge.api.documents import CollectionLinks, Link
from cloud_bridge.api.errors import Code, RefusedError
from cloud_bridge.api.parameters import Indexes

_MAC_LENGTH = 16


class Token(msgspec.Struct, frozen=True, array_like=True):
    path: str
    """Of the collection, below the base path."""
    pairs: tuple[tuple[str, str], ...]
    """What was asked, of the parameters that the collection has."""
    start: int
    now_ms: int
    """When it was first asked, where that makes a difference; 0 elsewhere, so that the same is the same again."""


NO_PAGE = Token("", (), 0, 0)
"""Of what has no pages, nor a context."""


class Tokens:
    """Writes and reads tokens under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, client_id: str) -> Tokens:
        """Those of one client."""
        return Tokens(hmac.digest(self._key, client_id.encode(), hashlib.sha256))

    def write(self, token: Token) -> str:
        payload = msgspec.msgpack.encode(token)
        return base64.urlsafe_b64encode(payload + self._mac(payload)).rstrip(b"=").decode()

    def read(self, text: str, path: str) -> Token:
        """Raises RefusedError for anything but a token under this key for the collection at `path`."""
        try:
            signed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _refused(text) from None
        payload, mac = signed[:-_MAC_LENGTH], signed[-_MAC_LENGTH:]
        if not hmac.compare_digest(mac, self._mac(payload)):
            raise _refused(text)
        try:
            token = msgspec.msgpack.decode(payload, type=Token)
        except msgspec.MsgspecError:  # Of another release, under the same key.
            raise _refused(text) from None
        # Base64 has several spellings of the same bytes; only the one that was given out is a token.
        if token.path != path or self.write(token) != text:
            raise _refused(text)
        return token

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, hashlib.sha256)[:_MAC_LENGTH]


def _refused(text: str) -> RefusedError:
    return RefusedError(
        Code.PAGE_TOKEN,
        f"Query parameter 'pageToken': found '{text[:40]}', expected a token from a link of this collection, as this"
        " client was given it.",
    )


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a result that a page shows: `size` elements from `start`, inside the asked index range."""

    indexes: Indexes
    start: int
    size: int

    @property
    def offset(self) -> int:
        """Of the page's first element in the unrestricted result."""
        return self.indexes.first + self.start

    @property
    def limit(self) -> int:
        if self.indexes.last is None:
            return self.size
        return max(0, min(self.size, self.indexes.last - self.offset + 1))

    def total(self, unrestricted: int) -> int:
        """Elements inside the index range, of `unrestricted` elements in all."""
        end = unrestricted if self.indexes.last is None else min(unrestricted, self.indexes.last + 1)
        return max(0, end - self.indexes.first)


@dataclass(frozen=True, slots=True)
class Page:
    """The frame of a collection's page."""

    links: CollectionLinks
    total: int
    total_page: int
    current_page: int


def page(window: Window, total: int, tokens: Tokens, here: Token, address: str, by_token: bool) -> Page:
    """The frame for `total` elements; `here` is the page's own token, `address` the collection's."""
    size = window.size
    pages = max(1, -(-total // size))
    current = window.start // size + 1

    def link(start: int) -> Link:
        token = tokens.write(Token(here.path, here.pairs, start, here.now_ms))
        return Link(href=f"{address}?pageToken={token}")

    links = CollectionLinks(
        self=link(window.start) if by_token else Link(href=_plain(address, here.pairs)),
        first=link(0),
        last=link((pages - 1) * size),
    )
    if current < pages:
        links.next = link(window.start + size)
    if current > 1:
        links.prev = link(min(window.start - size, (pages - 1) * size))
    return Page(links, total, pages, current)


def _plain(address: str, pairs: Sequence[tuple[str, str]]) -> str:
    return f"{address}?{urlencode(pairs, quote_via=quote)}" if pairs else address
