"""The project's own OpenAPI document, made from the table of resources and the types of their documents.

OpenAPI 3.0.3, because that is what the page that shows it understands; the types use nothing that 3.0 and JSON Schema
write differently (no field may be null).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cloud_bridge.api.errors import Error
from cloud_bridge.api.links import BASE
from cloud_bridge.api.resource import PATH_IDS, Resource, path_id_pattern

_REFUSALS = {
    "400": "A path id or query parameter is wrong: the message says which, what was found and what is expected.",
    "401": "Credentials are missing or wrong.",
    "403": "The client has no right to this fleet, or the vehicle is not in it.",
    "404": "There is no such resource, or no data (`code` 40400).",
    "406": "The `Accept` header takes nothing that this resource is answered with.",
    "429": "A limit of the client is reached (42901 the day's, 42902 the second's), or too many unknown credentials "
    "are being checked at once (42900): `Retry-After` says when to try again.",
    "503": "The server cannot read its data now: `Retry-After` says when to try again.",
    "default": "Any other failure.",
}
_LIMITS = {
    "X-RateLimit-Limit-1": "How often the client may ask in any 24 hours.",
    "X-RateLimit-Remaining-1": "How often it still may.",
    "X-RateLimit-Limit-2": "How often the client may ask in any second.",
    "X-RateLimit-Remaining-2": "How often it still may.",
}
_WAIT = {
    "Retry-After": "Seconds until it is worth trying again.",
    "X-RateLimit-Reset": "Seconds until the limit that is reached admits another request.",
}
_TAG = "Names this state of the document, in this coding: `If-None-Match` asks whether it is another one."
_HEADERS: dict[str, tuple[str, ...]] = {
    "200": ("ETag", *_LIMITS),
    "304": ("ETag", *_LIMITS),
    "400": (*_LIMITS,),
    "403": (*_LIMITS,),
    "404": (*_LIMITS,),
    "406": (*_LIMITS,),
    "429": (*_LIMITS, *_WAIT),
    "503": ("Retry-After", *_LIMITS),
}
"""The headers of the answers to a client that is known."""
_DESCRIPTION = (
    "What the vehicles of a fleet say, as published for connected cars. Every call needs HTTP Basic credentials and "
    "the query parameter `client_id`. Every answer to a client says how often it may ask in any 24 hours and in any "
    "second (`X-RateLimit-Limit-1`, `-2`) and what is left of that (`X-RateLimit-Remaining-1`, `-2`). Times are "
    "RFC 3339 in UTC; a datum that is not known is absent, never null."
)


def document(resources: Sequence[Resource], public_url: str, version: str) -> dict[str, object]:
    """The OpenAPI document of `resources`, served below `public_url`."""
    types: list[type] = [Error, *(resource.document for resource in resources)]
    references, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    error, *answers = references
    _spell_out(schemas)
    return {
        "openapi": "3.0.3",
        "info": {"title": "Connected car API", "version": version, "description": _DESCRIPTION},
        "servers": [{"url": public_url.rstrip("/") + BASE}],
        "security": [{"BasicAuth": [], "ClientId": []}],
        "tags": [{"name": name} for name in dict.fromkeys(resource.tag for resource in resources)],
        "paths": {
            resource.path: {"get": _operation(resource, answer)}
            for resource, answer in zip(resources, answers, strict=True)
        },
        "components": {
            "schemas": schemas,
            "responses": {
                "304": {
                    "description": "The caller has it already: `If-None-Match` or `If-Modified-Since` says so.",
                    "headers": _headers("304"),
                },
                **{
                    name: {
                        "description": text,
                        "headers": _headers(name),
                        "content": {"application/json": {"schema": error}},
                    }
                    for name, text in _REFUSALS.items()
                },
            },
            "headers": {
                "ETag": {"description": _TAG, "schema": {"type": "string"}},
                **{
                    name: {"description": text, "schema": {"type": "integer", "minimum": 0}}
                    for name, text in (_LIMITS | _WAIT).items()
                },
            },
            "securitySchemes": {
                "BasicAuth": {"type": "http", "scheme": "basic"},
                "ClientId": {"type": "apiKey", "in": "query", "name": "client_id"},
            },
        },
    }


def _headers(status: str) -> dict[str, object]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS.get(status, ())}


def _spell_out(node: object) -> None:
    """Says what JSON Schema leaves to be concluded, and the specification does not: that names are texts, and that
    numbers are floating."""
    if isinstance(node, list):
        for each in node:
            _spell_out(each)
    elif isinstance(node, dict):
        for each in node.values():
            _spell_out(each)
        if node.get("required") == []:
            del node["required"]  # OpenAPI 3.0 has no empty list here.
        if isinstance(node.get("enum"), list):
            node.setdefault("type", "string")
        if node.get("type") == "number":
            node.setdefault("format", "float")


def _operation(resource: Resource, answer: dict[str, object]) -> dict[str, object]:
    path_ids = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_IDS[name],
            "schema": {"type": "string", "pattern": f"^{path_id_pattern(name)}$"},
        }
        for name in resource.path_ids
    ]
    query = [
        {
            "name": parameter.name,
            "in": "query",
            "required": False,
            "description": parameter.description,
            "schema": dict(parameter.schema),
        }
        for parameter in resource.all_parameters
    ]
    return {
        "operationId": resource.operation,
        "summary": resource.summary,
        "tags": [resource.tag],
        **({"deprecated": True} if resource.deprecated else {}),
        "parameters": path_ids + query,
        "responses": {
            "200": {
                "description": resource.summary,
                "headers": _headers("200"),
                "content": {resource.media_type: {"schema": answer}},
            },
            **{name: {"$ref": f"#/components/responses/{name}"} for name in ("304", *_REFUSALS)},
        },
    }
