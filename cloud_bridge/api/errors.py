"""Errors: every answer of 400 and more has the published body `{code, uuid, message, timestamp}`.

`code` has five digits, the HTTP status and two of our own (below). `uuid` names the occurrence; for a failure of ours
the log says it too, and it is all that the caller learns.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import IntEnum

import msgspec
from starlette.responses import Response

from cloud_bridge.api.documents import DateTime, Document
from cloud_bridge.shapes.times import rfc3339
from cloud_bridge.store.port.errors import StoreError

RETRY_AFTER_S = 5
REBUILT_AFTER_S = 60
"""Somebody has to see to it first."""
MOST_NAMED = 20
"""Vehicles, in one answer."""
NOT_KEPT = {"Cache-Control": "no-store"}

_log = logging.getLogger(__name__)


class Code(IntEnum):
    """The five digits; the first three are the HTTP status."""

    PARAMETER = 40000
    PATH_ID = 40001
    PAGE_TOKEN = 40002
    BODY = 40003
    NO_CREDENTIALS = 40100
    WRONG_CREDENTIALS = 40101
    NO_CERTIFICATE = 40102
    WRONG_CERTIFICATE = 40103
    NO_RIGHT = 40300
    NO_DATA = 40400
    UNKNOWN_RESOURCE = 40401
    METHOD = 40500
    NOT_ACCEPTABLE = 40600
    SLOW_BODY = 40800
    FULL = 40900
    PENDING = 40901
    TOO_LARGE = 41300
    MEDIA_TYPE = 41500
    TOO_MANY = 42900
    DAY_LIMIT = 42901
    BURST_LIMIT = 42902
    FAILURE = 50000
    UNAVAILABLE = 50300
    DAMAGED = 50301


class Error(Document):
    """What went wrong. `message` says it to a person; `uuid` names this occurrence."""

    code: int
    uuid: str
    message: str
    timestamp: DateTime


class RefusedError(Exception):
    """An answer of 400 or more, on its way out."""

    def __init__(self, code: Code, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = headers


class InvalidError(ValueError):
    """A value that a parameter does not take: what was found, what is expected."""

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(f"found '{found[:80]}', expected {expected}")
        self.found = found
        self.expected = expected


def no_data(what: str) -> RefusedError:
    return RefusedError(Code.NO_DATA, f"There is no data: {what}.")


def damaged(vins: Sequence[str]) -> RefusedError:
    """What cannot be told because of these vehicles."""
    named = ", ".join(vins[:MOST_NAMED]) + (" and others" if len(vins) > MOST_NAMED else "")
    return RefusedError(
        Code.DAMAGED,
        f"What the server has of {named} is damaged and cannot be read. Other vehicles are served. Who runs the server"
        f" has it derived anew from what was sent, with `canlift-bridge rebuild {vins[0]}`: ask again after that.",
        {"Retry-After": str(REBUILT_AFTER_S)},
    )


def respond(code: int, message: str, now: datetime, headers: Mapping[str, str] | None = None) -> Response:
    """The published error body; the HTTP status is the first three digits of `code`."""
    at_ms = int(now.timestamp() * 1000)
    error = Error(code=int(code), uuid=str(uuid.uuid4()), message=message, timestamp=rfc3339(at_ms))
    # Who asks too much must not fill the log too. %r: what a caller sends must not make lines of its own in it.
    level = logging.DEBUG if code in (Code.DAY_LIMIT, Code.BURST_LIMIT) else logging.INFO
    _log.log(level, "refused %s: %d %r", error.uuid, code, message)
    return Response(msgspec.json.encode(error), code // 100, {**NOT_KEPT, **(headers or {})}, "application/json")


def respond_failure(error: Exception, now: datetime) -> Response:
    """An unexpected failure: the log gets everything, the caller the uuid under which it is logged. When the database
    cannot be used now, the caller may try again."""
    occurrence = str(uuid.uuid4())
    passes = isinstance(error, StoreError)
    if passes:
        _log.error("unavailable %s: %s", occurrence, error)
    else:
        _log.error("failure %s", occurrence, exc_info=error)
    code = Code.UNAVAILABLE if passes else Code.FAILURE
    what = "cannot answer now: try again later" if passes else "failed to answer"
    body = Error(
        code=code,
        uuid=occurrence,
        message=f"The server {what}. Its log names this failure by the uuid.",
        timestamp=rfc3339(int(now.timestamp() * 1000)),
    )
    headers = {"Retry-After": str(RETRY_AFTER_S)} if passes else {}
    return Response(msgspec.json.encode(body), code // 100, {**NOT_KEPT, **headers}, "application/json")
