"""A document as it travels (RFC 9110): coded or not, with what tells one state of it from another, or not at all where
the caller has it already.

The entity tag is strong. It is a digest of the document and names the coding, so that two answers with one tag are the
same octets. `Last-Modified` is there for documents that have a date, once that is `SETTLED_S` old: within the second
that it names nothing changes any more. It is asked only where no tag is given, as the standard says.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from hashlib import sha256

from starlette.responses import Response

from cloud_bridge.api.media import quality

SMALLEST_CODED = 1000
"""Octets; a shorter document goes in one packet anyway."""
SETTLED_S = 10
PRIVATE = b"private, no-cache"
"""May be kept by who asked, and is asked again each time it is used."""
PUBLIC = b"no-cache"

_ASKED = frozenset({b"authorization", b"accept", b"accept-encoding", b"if-none-match", b"if-modified-since"})
_VARY = b"Accept, Accept-Encoding, Authorization"
_TAGS = re.compile(r'(?:W/)?("[^"]*")')
_LEVEL = 6
# Making a compressor ready costs more than compressing two kilobytes: for such, a small one.
_SMALL = 8192
_SMALL_WINDOW, _SMALL_MEMORY = 16 + 13, 6
_WINDOW, _MEMORY = 16 + zlib.MAX_WBITS, 8

Asked = Mapping[bytes, str]
"""The header fields of a request that decide about its answer, by name; several of one name are one list."""


def asked(headers: Iterable[tuple[bytes, bytes]]) -> Asked:
    found: dict[bytes, str] = {}
    for name, value in headers:
        if name in _ASKED:
            text = value.decode("latin-1")
            found[name] = f"{found[name]},{text}" if name in found else text
    return found


def represent(
    body: bytes, media_type: str, request: Asked, now: datetime, modified_ms: int | None = None, cache: bytes = PRIVATE
) -> Response:
    """The answer with `body`, or 304 without. `modified_ms`: when the document changed last, where that is known."""
    coded = len(body) >= SMALLEST_CODED and _takes_gzip(request.get(b"accept-encoding", ""))
    tag = f'"{sha256(body).hexdigest()[:32]}{"-gzip" if coded else ""}"'
    headers = [(b"etag", tag.encode()), (b"vary", _VARY), (b"cache-control", cache)]
    modified_s = None if modified_ms is None else -(-modified_ms // 1000)
    if modified_s is not None and modified_s + SETTLED_S <= now.timestamp():
        headers.append((b"last-modified", _http_date(modified_s)))
    else:
        modified_s = None
    if _has_it(request, tag, modified_s):
        return _Ready(304, headers, b"")
    if coded:
        headers.append((b"content-encoding", b"gzip"))
        body = _gzip(body)
    headers += (b"content-length", b"%d" % len(body)), (b"content-type", media_type.encode())
    return _Ready(200, headers, body)


class _Ready(Response):
    """A response whose headers are as ASGI takes them already: making them from text costs as much as the tag."""

    def __init__(self, status_code: int, raw_headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self.status_code = status_code
        self.raw_headers = raw_headers
        self.body = body
        self.background = None


def _has_it(request: Asked, tag: str, modified_s: int | None) -> bool:
    tags = request.get(b"if-none-match")
    if tags is not None:
        return tags.strip() == "*" or tag in _TAGS.findall(tags)
    since = request.get(b"if-modified-since")
    if since is None or modified_s is None:
        return False
    since_s = _read_date(since)
    return since_s is not None and modified_s <= since_s


@lru_cache(maxsize=256)
def _takes_gzip(accept_encoding: str) -> bool:
    qualities: dict[str, float] = {}
    for item in accept_encoding.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        qualities[name] = quality(parameters)
    other = qualities.get("*", 0.0)
    return qualities.get("gzip", qualities.get("x-gzip", other)) > 0


def _gzip(body: bytes) -> bytes:
    window, memory = (_SMALL_WINDOW, _SMALL_MEMORY) if len(body) <= _SMALL else (_WINDOW, _MEMORY)
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, window, memory)
    return compressor.compress(body) + compressor.flush()


@lru_cache(maxsize=1024)
def _http_date(seconds: int) -> bytes:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True).encode()


def _read_date(text: str) -> float | None:
    """Unix seconds; None for what is no date, which is as if the field were not there."""
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
