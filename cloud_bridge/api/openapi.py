"""The project's own OpenAPI document, made from the table of operations and the types of their documents.

OpenAPI 3.0.3, because that is what the page that shows it understands; the types use nothing that 3.0 and JSON Schema
write differently (no field may be null).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from cloud_bridge.api.errors import MOST_NAMED, Error
from cloud_bridge.api.links import BASE
from cloud_bridge.api.listing import LEFT_OUT, LEFT_OUT_TOTAL
from cloud_bridge.api.media import JSON
from cloud_bridge.api.operation import HAL, PATH_IDS, Operation, Read, Write, by_path, path_id_pattern

_REFUSALS = {
    "400": "A path id, a query parameter or the body is wrong: the message says where, what was found and what is "
    "expected.",
    "401": "Credentials are missing or wrong.",
    "403": "The client has no right to this fleet, or the vehicle is not in it.",
    "404": "There is no such resource, or no data (`code` 40400).",
    "406": "The `Accept` header takes nothing that this resource is answered with.",
    "408": "The end of the body did not come in time.",
    "413": "The body is too large.",
    "415": "The body is not JSON, by its `Content-Type` or `Content-Encoding`.",
    "429": "A limit of the client is reached (42901 the day's, 42902 the second's), or too many unknown credentials "
    "are being checked at once (42900): `Retry-After` says when to try again.",
    "503": "The server cannot read its data now (`code` 50300), or what it has of a vehicle is damaged (50301): "
    "`Retry-After` says when to try again.",
    "default": "Any other failure.",
}
_OF_BODIES = ("408", "413", "415")
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
_LEFT_OUT = {
    LEFT_OUT_TOTAL: (
        "integer",
        "How many vehicles are left out because what is stored of them is damaged.",
    ),
    LEFT_OUT: ("string", f"Ids of vehicles that are left out, at most {MOST_NAMED}, separated by commas."),
}
"""Of collections of a whole fleet; absent where nothing is left out."""
_TAG = "Names this state of the document, in this coding: `If-None-Match` asks whether it is another one."
_HEADERS: dict[str, tuple[str, ...]] = {
    "200": ("ETag", *_LIMITS),
    "202": (*_LIMITS,),
    "204": (*_LIMITS,),
    "304": ("ETag", *_LIMITS),
    "400": (*_LIMITS,),
    "403": (*_LIMITS,),
    "404": (*_LIMITS,),
    "406": (*_LIMITS,),
    "408": (*_LIMITS,),
    "409": (*_LIMITS,),
    "413": (*_LIMITS,),
    "415": (*_LIMITS,),
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


def document(operations: Sequence[Read | Write], public_url: str, version: str) -> dict[str, object]:
    """The OpenAPI document of `operations`, served below `public_url`."""
    types = [*dict.fromkeys((Error, *(each for operation in operations for each in _types(operation))))]
    references, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    _spell_out(schemas)
    referring = dict(zip(types, references, strict=True))
    error = referring[Error]
    return {
        "openapi": "3.0.3",
        "info": {"title": "Connected car API", "version": version, "description": _DESCRIPTION},
        "servers": [{"url": public_url.rstrip("/") + BASE}],
        "security": [{"BasicAuth": [], "ClientId": []}],
        "tags": [{"name": name} for name in dict.fromkeys(operation.tag for operation in operations)],
        "paths": {
            path: {
                "get" if isinstance(each, Read) else each.method.lower(): _operation(each, referring) for each in there
            }
            for path, there in by_path(operations).items()
        },
        "components": {
            "schemas": schemas,
            "responses": {
                "304": {
                    "description": "The caller has it already: `If-None-Match` or `If-Modified-Since` says so.",
                    "headers": _headers("304"),
                },
                **{status: _refusal(status, text, error) for status, text in _REFUSALS.items()},
            },
            "headers": {
                "ETag": {"description": _TAG, "schema": {"type": "string"}},
                **{
                    name: {"description": text, "schema": {"type": "integer", "minimum": 0}}
                    for name, text in (_LIMITS | _WAIT).items()
                },
                **{name: {"description": text, "schema": {"type": kind}} for name, (kind, text) in _LEFT_OUT.items()},
            },
            "securitySchemes": {
                "BasicAuth": {"type": "http", "scheme": "basic"},
                "ClientId": {"type": "apiKey", "in": "query", "name": "client_id"},
            },
        },
    }


def _headers(status: str, more: Iterable[str] = ()) -> dict[str, object]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*_HEADERS.get(status, ()), *more)}


def _spell_out(node: object) -> None:
    """Says what JSON Schema leaves to be concluded, and the specification does not: that names are texts, and that
    numbers are floating. A pattern ends with `$`, which allows no end of a line behind it there as it does here."""
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
        if isinstance(pattern := node.get("pattern"), str):
            node["pattern"] = re.sub(r"\\Z$", "$", pattern)
        if node.get("type") == "number":
            node.setdefault("format", "float")


def _types(operation: Read | Write) -> list[type]:
    """Of what is sent and answered."""
    named = [operation.document] if isinstance(operation, Read) else [operation.document, operation.body]
    return [each for each in named if each is not None]


def _operation(operation: Read | Write, referring: Mapping[type, dict[str, object]]) -> dict[str, object]:
    """`referring`: the reference to the schema of each type."""
    described: dict[str, object] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
    }
    if isinstance(operation, Write):
        return {**described, "parameters": _path_ids(operation), **_of_write(operation, referring)}
    if operation.deprecated:
        described["deprecated"] = True
    parameters = _path_ids(operation) + _query(operation)
    return {**described, "parameters": parameters, **_of_read(operation, referring)}


def _of_read(operation: Read, referring: Mapping[type, dict[str, object]]) -> dict[str, object]:
    content = {operation.media_type: {"schema": referring[operation.document]}}
    headers = _headers("200", _LEFT_OUT if operation.is_of_whole_fleet else ())
    success = {"description": operation.summary, "headers": headers, "content": content}
    refusals = [status for status in _REFUSALS if status not in _OF_BODIES]
    return {"responses": {"200": success, **_refusals("304", *refusals)}}


def _of_write(operation: Write, referring: Mapping[type, dict[str, object]]) -> dict[str, object]:
    success: dict[str, object] = {
        "description": operation.summary,
        "headers": {name: each for name, each in _headers(str(operation.status)).items() if name != "ETag"},
    }
    left_out: set[str] = set()
    if operation.document is None:
        left_out.add("406")
    else:
        success["content"] = {HAL: {"schema": referring[operation.document]}}
    sent: dict[str, object] = {}
    if operation.body is None:
        left_out.update(_OF_BODIES)
    else:
        sent["requestBody"] = {"required": True, "content": {JSON: {"schema": referring[operation.body]}}}
    responses: dict[str, object] = {str(operation.status): success}
    if operation.conflict:
        responses["409"] = _refusal("409", operation.conflict, referring[Error])
    responses |= _refusals(*(status for status in _REFUSALS if status not in left_out))
    return {**sent, "responses": responses}


def _refusals(*statuses: str) -> dict[str, object]:
    return {status: {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _refusal(status: str, text: str, error: dict[str, object]) -> dict[str, object]:
    return {"description": text, "headers": _headers(status), "content": {JSON: {"schema": error}}}


def _path_ids(operation: Operation) -> list[dict[str, object]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_IDS[name],
            "schema": {"type": "string", "pattern": f"^{path_id_pattern(name)}$"},
        }
        for name in operation.path_ids
    ]


def _query(operation: Read) -> list[dict[str, object]]:
    return [
        {
            "name": parameter.name,
            "in": "query",
            "required": False,
            "description": parameter.description,
            "schema": dict(parameter.schema),
        }
        for parameter in operation.all_parameters
    ]
