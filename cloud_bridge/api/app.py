"""The API as an ASGI application (Starlette)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cloud_bridge.access.limits import Limits
from cloud_bridge.api import docs, openapi
from cloud_bridge.api.admission import LIMITS
from cloud_bridge.api.authentication import Verify
from cloud_bridge.api.call import Service
from cloud_bridge.api.endpoint import Endpoint
from cloud_bridge.api.errors import Code, respond, respond_failure
from cloud_bridge.api.links import BASE, HEALTH, Links
from cloud_bridge.api.methods import other_methods
from cloud_bridge.api.operation import Read, Write, by_path
from cloud_bridge.api.paging import Tokens
from cloud_bridge.api.routes import OPERATIONS
from cloud_bridge.api.routing import Methods, Resources
from cloud_bridge.api.writing import WriteEndpoint
from cloud_bridge.remote.control import RemoteService
from cloud_bridge.services import Services
from cloud_bridge.settings import Monitors as Monitoring
from cloud_bridge.store.port.errors import StoreError
from cloud_bridge.store.port.monitors import Monitors
from cloud_bridge.store.port.reading import Reader
from cloud_bridge.threads.faults import Faults
from contract.catalog import DATA

if TYPE_CHECKING:
    from starlette.types import ASGIApp

NO_SERVICES = Services({})
ANY_MONITORS = Monitoring()


def _no_label(_: str) -> str:
    return ""


def create_app(
    reader: Reader,
    public_url: str,
    now: Callable[[], datetime],
    *,
    verify: Verify,
    served: Callable[[str], frozenset[str]],
    page_key: bytes,
    monitors: Monitors,
    remote: RemoteService,
    label: Callable[[str], str] = _no_label,
    services: Services = NO_SERVICES,
    monitoring: Monitoring = ANY_MONITORS,
    limits: Limits | None = None,
    changed: Callable[[str], None] = lambda _: None,
    faults: Faults | None = None,
    troubles: Callable[[], Mapping[str, int]] = dict,
    in_threads: bool = True,
    operations: Sequence[Read | Write] = OPERATIONS,
) -> Starlette:
    """The application.

    `public_url` is what callers put before the base path; all links begin with it. `now` gives an aware time. `verify`
    says whether a secret belongs to a stored hash. `served` and `label` give the datum keys that a model serves and its
    name for people; `services` are those that vehicles can be subscribed to. `page_key` signs page tokens: every worker
    behind one address needs the same. `monitors` keeps monitors, which are as `monitoring` says they may be; `remote`
    is remote control. `changed` is told the id of a monitor or callback that was resumed or replaced. The counts of
    `faults` are shown with the health, and so are `troubles`, how often there is what. `limits` counts what clients
    ask; without it they may ask as much as they like. `in_threads` works in threads, for a reader that may be called
    from several at once; otherwise in the event loop. `operations` are those that are served.
    """
    kinds = frozenset(datum.telemetry for datum in DATA.values() if datum.telemetry is not None)
    links, tokens = Links(public_url), Tokens(page_key)
    service = Service(reader, links, tokens, served, label, kinds, services, monitors, monitoring, remote, changed)
    description = openapi.document(operations, public_url, version("canlift"))

    def refuse(_: Request, error: Exception) -> Response:
        return _refusal(error, now())

    def fail(request: Request, error: Exception) -> Response:
        response = respond_failure(error, now())
        response.raw_headers.extend(request.scope.get(LIMITS, ()))
        return response

    def methods(of_path: Sequence[Read | Write]) -> Methods:
        apps: dict[str, ASGIApp] = {}
        for operation in of_path:
            if isinstance(operation, Read):
                apps["GET"] = apps["HEAD"] = Endpoint(operation, service, verify, limits, now, in_threads)
            else:
                apps[operation.method] = WriteEndpoint(operation, service, verify, limits, now, in_threads)
        return Methods(apps, other_methods(tuple(apps), now))

    app = Starlette(
        routes=[
            Resources(BASE, {path: methods(of_path) for path, of_path in by_path(operations).items()}),
            *docs.routes(msgspec.json.encode(description)),
            Route(HEALTH, _health(faults or Faults(), troubles)),
        ],
        exception_handlers={HTTPException: refuse, StoreError: fail, Exception: fail},
    )
    app.router.redirect_slashes = False
    return app


def _health(faults: Faults, troubles: Callable[[], Mapping[str, int]]) -> Callable[[Request], Awaitable[Response]]:
    """That the process answers, how often a defect showed, and what somebody has to see to. It says nothing of any
    vehicle, so it needs no credentials; and it is there when the database is not."""

    async def health(_: Request) -> Response:
        lines = ["ok", *(f"faults of {part}: {number}" for part, number in faults.counts.items())]
        try:
            lines += [f"{what}: {number}" for what, number in troubles().items() if number]
        except StoreError:
            lines.append("the database cannot be read")
        return PlainTextResponse("".join(f"{line}\n" for line in lines))

    return health


def _refusal(error: Exception, now: datetime) -> Response:
    """What the router itself refuses: unknown paths and methods."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = error.headers if isinstance(error, HTTPException) else None
    if status == 404:
        return respond(Code.UNKNOWN_RESOURCE, "There is no resource at this path.", now, headers)
    if status == 405:
        return respond(Code.METHOD, "This resource can only be read: GET or HEAD.", now, headers)
    return respond(status * 100, "The request is refused.", now, headers)
