"""What every operation asks first, in this order: credentials, limits, `Accept`, the form of the path ids, the right to
the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloud_bridge.access.limits import Limits
from cloud_bridge.api.allowance import expect_admitted, headers
from cloud_bridge.api.authentication import Verify, authenticate
from cloud_bridge.api.call import permitted_fleet
from cloud_bridge.api.errors import Code, RefusedError
from cloud_bridge.api.media import accepts
from cloud_bridge.api.operation import check_ids
from cloud_bridge.api.parameters import Pairs
from cloud_bridge.api.representation import Asked
from cloud_bridge.server.https import CERTIFICATE
from cloud_bridge.store.port.reading import Reader
from cloud_bridge.store.port.registry import Client

if TYPE_CHECKING:
    from starlette.types import Scope

LIMITS = "canlift.limits"
"""Where a scope has the headers that every answer to its client gets."""


class Admission:
    """Of one operation."""

    def __init__(self, reader: Reader, verify: Verify, limits: Limits | None, media_type: str | None) -> None:
        """`media_type`: of the answers; None where they have no body."""
        self._reader = reader
        self._verify = verify
        self._limits = limits
        self._media_type = media_type

    def admit(self, scope: Scope, request: Asked, pairs: Pairs) -> tuple[Client, str]:
        """Who asks, and the fleet of the path; empty where the path names none. Raises RefusedError."""
        client_ids = [value for name, value in pairs if name == "client_id"]
        state = scope.get("state")
        shown = None if state is None else state.get(CERTIFICATE)
        client = authenticate(request.get(b"authorization"), client_ids, self._reader, self._verify, shown)
        if self._limits is not None and LIMITS not in scope:  # It is not asked twice for being answered by a worker.
            allowance = self._limits.admit(client)
            scope[LIMITS] = headers(allowance)
            expect_admitted(allowance, client.id)
        accept = request.get(b"accept", "")
        if self._media_type is not None and not accepts(accept, self._media_type):
            raise RefusedError(
                Code.NOT_ACCEPTABLE, f"Header Accept: found '{accept[:80]}', expected {self._media_type} in it."
            )
        ids: dict[str, str] = scope["path_params"]
        check_ids(ids)
        return client, permitted_fleet(client, ids)
