"""An operation that writes, as an ASGI application: its body, what `Admission` asks, then its function in a thread that
may wait, then JSON or nothing. What it was asked is done even when who asked is gone before the answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from cloud_bridge.access.limits import Limits
from cloud_bridge.api.admission import LIMITS, Admission
from cloud_bridge.api.authentication import Verify
from cloud_bridge.api.call import Call, Command, Service
from cloud_bridge.api.errors import NOT_KEPT, Code, RefusedError, damaged, respond
from cloud_bridge.api.operation import HAL, Write
from cloud_bridge.api.paging import NO_PAGE
from cloud_bridge.api.parameters import Query, pairs_of
from cloud_bridge.api.representation import asked
from cloud_bridge.api.request_body import take
from cloud_bridge.api.timestamps import unix_ms
from cloud_bridge.api.workers import Workers
from cloud_bridge.shapes.bodies import RefusedBodyError
from cloud_bridge.store.port.damage import DamagedError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_WORKERS = Workers("api-writing", 4)
"""Not those that read: writers wait for one another."""
_encode = msgspec.json.Encoder().encode


class WriteEndpoint:
    """Answers one method of one path."""

    def __init__(
        self,
        operation: Write,
        service: Service,
        verify: Verify,
        limits: Limits | None,
        now: Callable[[], datetime],
        in_threads: bool,
    ) -> None:
        self._operation = operation
        self._service = service
        self._admission = Admission(service.reader, verify, limits, HAL if operation.document is not None else None)
        self._now = now
        self._in_threads = in_threads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b"" if self._operation.body is None else await take(scope, receive)
        if body is None:
            return
        answer = partial(self.answer, scope)
        response = await _WORKERS.run(answer, body) if self._in_threads else answer(body)
        await response(scope, receive, send)

    def answer(self, scope: Scope, body: bytes | RefusedError) -> Response:
        """`body`: a refusal where it could not be taken."""
        now = self._now()
        try:
            response = self._do(scope, body, now)
        except (RefusedError, DamagedError) as error:
            refused = damaged([error.vin]) if isinstance(error, DamagedError) else error
            response = respond(refused.code, refused.message, now, refused.headers)
        except RefusedBodyError as error:
            response = respond(Code.BODY, f"The body: {error}.", now)
        response.raw_headers.extend(scope.get(LIMITS, ()))
        return response

    def _do(self, scope: Scope, body: bytes | RefusedError, now: datetime) -> Response:
        pairs = pairs_of(scope["query_string"])
        client, fleet_id = self._admission.admit(scope, asked(scope["headers"]), pairs)
        if isinstance(body, RefusedError):
            raise body
        operation = self._operation
        call = Call(
            self._service, operation, client, scope["path_params"], fleet_id, Query((), pairs), NO_PAGE, by_token=False
        )
        document = operation.do(Command(call, body, unix_ms(now)))
        content = None if document is None else _encode(document)
        return Response(content, operation.status, NOT_KEPT, None if document is None else HAL)
