"""The page to browse the API, and the files that it consists of: all from this server, nothing from elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

from cloud_bridge.api.links import BASE
from cloud_bridge.api.media import JSON
from cloud_bridge.api.representation import PUBLIC, asked, represent

DOCS = f"{BASE}/docs"
OPENAPI = f"{BASE}/openapi.json"

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Connected car API</title>
<link rel="icon" type="image/png" href="docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/page.js"></script>
</body>
</html>
"""
_SCRIPT = """SwaggerUIBundle({url: "openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null});
"""
# The page may load and call this server only, whatever a document in it says.
_POLICY = {
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'"
}


async def _page(_: Request) -> Response:
    return HTMLResponse(_PAGE, headers=_POLICY)


async def _script(_: Request) -> Response:
    return Response(_SCRIPT, media_type="text/javascript")


def routes(openapi: bytes) -> list[BaseRoute]:
    """The page, its files, and the OpenAPI document (as JSON) that it shows.

    Addresses in the page are relative, so that it works below whatever path a proxy puts in front.
    """

    async def document(request: Request) -> Response:
        return represent(openapi, JSON, asked(request.scope["headers"]), datetime.now(UTC), cache=PUBLIC)

    return [
        Route(OPENAPI, document),
        Route(DOCS, _page),
        Route(f"{DOCS}/page.js", _script),
        Mount(f"{DOCS}/assets", StaticFiles(directory=str(swagger_ui_path))),
    ]
