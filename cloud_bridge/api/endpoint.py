"""An operation that reads, as an ASGI application: what `Admission` asks, query, then its function, then JSON, or that
the caller has it already."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from cloud_bridge.access.limits import Limits
from cloud_bridge.api.admission import LIMITS, Admission
from cloud_bridge.api.authentication import Verify
from cloud_bridge.api.call import Call, Service
from cloud_bridge.api.documents import Document
from cloud_bridge.api.errors import RefusedError, damaged, respond
from cloud_bridge.api.operation import Read
from cloud_bridge.api.paging import NO_PAGE, Token
from cloud_bridge.api.parameters import PAGE_TOKEN, TIMESTAMPS, Pairs, Query, pairs_of
from cloud_bridge.api.representation import asked, represent
from cloud_bridge.api.timestamps import follow_the_clock, unix_ms
from cloud_bridge.api.workers import Workers
from cloud_bridge.records.model import Json
from cloud_bridge.store.port.damage import DamagedError
from cloud_bridge.threads.waiting import WaitError, at_once

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_WORKERS = Workers("api", 12)
"""For all that is not short, or has to wait: for a secret that is checked, for what is derived."""
MOST_FOUND_DAMAGED = 100
"""Vehicles, while one collection is read."""
_encode = msgspec.json.Encoder().encode


class Endpoint:
    """Answers `GET` and `HEAD` of one path."""

    def __init__(
        self,
        operation: Read,
        service: Service,
        verify: Verify,
        limits: Limits | None,
        now: Callable[[], datetime],
        in_threads: bool,
    ) -> None:
        self._operation = operation
        self._parameters = operation.understood
        self._context = frozenset(parameter.name for parameter in self._parameters) - {PAGE_TOKEN.name}
        self._has_context = operation.is_collection or TIMESTAMPS in self._parameters
        self._service = service
        self._admission = Admission(service.reader, verify, limits, operation.media_type)
        self._now = now
        self._in_threads = in_threads
        self._is_tried_at_once = operation.is_short

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = self._at_once(scope) if self._is_tried_at_once or not self._in_threads else None
        if response is None:
            response = await _WORKERS.run(self.answer, scope)
        await response(scope, receive, send)

    def _at_once(self, scope: Scope) -> Response | None:
        """None where that would hold up the event loop."""
        if not self._in_threads:
            return self.answer(scope)
        try:
            with at_once:
                return self.answer(scope)
        except WaitError:
            return None

    def answer(self, scope: Scope) -> Response:
        now = self._now()
        try:
            response = self._read_without_damaged(scope, now)
        except (RefusedError, DamagedError) as error:
            refused = damaged([error.vin]) if isinstance(error, DamagedError) else error
            response = respond(refused.code, refused.message, now, refused.headers)
        response.raw_headers.extend(scope.get(LIMITS, ()))
        if scope["method"] == "HEAD":
            # The same headers, the length of the body that GET would give included.
            response.body = b""
        return response

    def _read_without_damaged(self, scope: Scope, now: datetime) -> Response:
        """A vehicle that turns out to be damaged is set aside, and its fleet read again, without it. Raises
        DamagedError where that does not help."""
        for _ in range(MOST_FOUND_DAMAGED if self._operation.is_of_whole_fleet else 0):
            with suppress(DamagedError), self._service.reader.snapshot():
                return self._read(scope, now)
        with self._service.reader.snapshot():
            return self._read(scope, now)

    def _read(self, scope: Scope, now: datetime) -> Response:
        request = asked(scope["headers"])
        pairs = pairs_of(scope["query_string"])
        client, fleet_id = self._admission.admit(scope, request, pairs)
        ids: dict[str, str] = scope["path_params"]
        operation = self._operation
        query = Query(self._parameters, pairs)
        here = self._first_page(ids, pairs, query, now) if self._has_context else NO_PAGE
        by_token = PAGE_TOKEN in query
        if by_token:
            here = self._service.tokens.of(client.id).read(query[PAGE_TOKEN], here.path)
            query = Query(self._parameters, here.pairs)
        call = Call(self._service, operation, client, ids, fleet_id, query, here, by_token)
        document = operation.read(call)
        response = represent(_encode(document), operation.media_type, request, now, _modified_ms(call, document))
        if call.headers:
            response.headers.update(call.headers)
        return response

    def _first_page(self, ids: dict[str, str], pairs: Pairs, query: Query, now: datetime) -> Token:
        return Token(
            self._operation.path.format_map(ids),
            tuple(pair for pair in pairs if pair[0] in self._context),
            0,
            unix_ms(now) if follow_the_clock(query[TIMESTAMPS]) else 0,
        )


def _modified_ms(call: Call, document: Document | Json) -> int | None:
    """When a document with an `updatedAt` changed last. That is its newest datum's time: older data that come late
    change the document without it, and are counted from when they were taken in."""
    at = document.get("updatedAt") if isinstance(document, dict) else getattr(document, "updated_at", None)
    if at is None or (call.is_of_fleet and len(call.ids) > 1):
        # Of a record that is asked for in the fleet it is not known when older data came.
        return None
    updated_ms = _unix_ms(at)
    return max(updated_ms, call.vehicle.changed_at_ms) if "vid" in call.ids else updated_ms


@lru_cache(maxsize=1024)
def _unix_ms(text: str) -> int:
    return unix_ms(datetime.fromisoformat(text))
