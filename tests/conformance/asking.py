"""The systematic set of requests, made of the published specification and of what a world has to ask for.

Of every published path that can be read: the question alone; each parameter with right values and wrong ones, also
together with the other profile; pairs of parameters; ids that are unknown, of others or malformed; credentials,
`Accept` and methods, right and wrong.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from tests.conformance.values import Extent, Values, right, wrong
from tests.conformance.world import CLIENT, EMPTY_FLEET, LIMITED_CLIENT, OTHER_CLIENT, OTHER_FLEET, SECRET, USER
from tests.published import Published

OK, DATA, WRONG = frozenset({200}), frozenset({200, 404}), frozenset({400})
UNKNOWN = "nosuchthing"
_AS_END_USER = 3
"""How many values of a parameter are asked with the other profile too."""
BASIC = "Basic " + base64.b64encode(f"{USER}:{SECRET}".encode()).decode()


class Question(NamedTuple):
    template: str
    """The published path."""
    path: str
    """With ids, below the base path, and the query without `client_id`."""
    expected: frozenset[int] = DATA
    method: str = "GET"
    client: str | None = CLIENT
    headers: Mapping[str, str] = {"Authorization": BASIC}
    content: bytes | None = None
    operation: str = ""
    """What it is counted for; empty: reading the path."""


class Subject(NamedTuple):
    """Whose data are asked for: the ids of a path, and the times of what there is."""

    ids: Mapping[str, str]
    """By what they are ids of, as `path_ids` says it."""
    extent: Extent


def readable(published: Published) -> list[str]:
    """The published paths that can be read."""
    paths = published.document["paths"]
    return [path for path in paths if "get" in paths[path]]


def path_ids(template: str) -> list[tuple[str, str]]:
    """The path ids of a template, each with what it is an id of: an alert's and an alarm's are written alike."""
    found = re.findall(r"(\w+)/\{(\w+)\}", template)
    return [(name, "vin" if name == "vin" else owner) for owner, name in found]


def filled(template: str, ids: Mapping[str, str]) -> str:
    for name, of in path_ids(template):
        template = template.replace(f"{{{name}}}", ids[of], 1)
    return template


def questions(published: Published, template: str, subject: Subject) -> Iterator[Question]:
    """What a client with every right may ask for a path."""
    path = filled(template, subject.ids)
    yield Question(template, path)
    parameters = query_parameters(published, template)
    first: dict[str, Values] = {}
    for name, schema in parameters.items():
        values = right(name, schema, subject.extent)
        first[name] = values[0]
        for value in values:
            yield Question(template, _asking(path, [(name, value)]))
        for value in values[:_AS_END_USER] if "profile" in parameters and name != "profile" else ():
            yield Question(template, _asking(path, [(name, value), ("profile", ["endUser"])]))
    for one, other in combinations(first, 2):
        yield Question(template, _asking(path, [(one, first[one]), (other, first[other])]))


def wrong_values(published: Published, template: str, subject: Subject) -> Iterator[Question]:
    """Values that a parameter cannot have."""
    path = filled(template, subject.ids)
    parameters = query_parameters(published, template)
    for name, schema in parameters.items():
        for value in wrong(name, schema, subject.extent):
            yield Question(template, _asking(path, [(name, value)]), WRONG)
    if "pageSize" in parameters:
        for token in ("", "x", "AAAA" * 20, "é"):
            yield Question(template, _asking(path, [("pageToken", [token])]), WRONG)


def wrong_ids(template: str, subject: Subject) -> Iterator[Question]:
    """Ids that are nobody's, of somebody else, or no ids."""
    for name, of in path_ids(template):
        if name == "fid":
            others, expected = [OTHER_FLEET, UNKNOWN, *([EMPTY_FLEET] if "{vid}" in template else [])], 403
        else:
            others = ["VF3ABCDE0FG000000" if name == "vin" else UNKNOWN]
            expected = 403 if name in ("vid", "vin") else 404
        for value in others:
            yield Question(template, filled(template, {**subject.ids, of: value}), frozenset({expected}))
        for value in ("%20", "a%00", "x" * 129, "%2e%2e"):
            yield Question(template, filled(template, {**subject.ids, of: value}), WRONG)


def as_others(published: Published, template: str, path: str) -> Iterator[Question]:
    """Credentials, `Accept` and methods, right and wrong."""
    wrong_secret = "Basic " + base64.b64encode(f"{USER}:wrong".encode()).decode()
    nobody = frozenset({401})
    yield Question(template, path, nobody, headers={})
    yield Question(template, path, nobody, headers={"Authorization": wrong_secret})
    yield Question(template, path, nobody, headers={"Authorization": "Bearer x"})
    yield Question(template, path, nobody, client=None)
    yield Question(template, path, nobody, client="nobody")
    if path_ids(template):
        yield Question(template, path, frozenset({403}), client=OTHER_CLIENT)
    yield Question(template, path, frozenset({429}), client=LIMITED_CLIENT)
    response = published.resolve(published.document["paths"][template]["get"]["responses"]["200"])
    for media_type in response["content"]:
        for accepted in (media_type, "*/*", "application/json", f"text/html, {media_type.strip()};q=0.5"):
            yield Question(template, path, headers={"Authorization": BASIC, "Accept": accepted})
    for refused in ("text/html", "image/*", "application/json;q=0"):
        yield Question(template, path, frozenset({406}), headers={"Authorization": BASIC, "Accept": refused})
    yield Question(template, path, method="HEAD")
    yield Question(template, path, frozenset({204}), method="OPTIONS")
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        if method.lower() not in published.document["paths"][template]:
            yield Question(template, path, frozenset({405}), method=method)


def of_empty_fleet(published: Published, template: str) -> Iterator[Question]:
    if [name for name, _ in path_ids(template)] == ["fid"]:
        path = filled(template, {"fleets": EMPTY_FLEET})
        profiles = ["fleet", "endUser"] if "profile" in query_parameters(published, template) else []
        yield Question(template, path)
        for profile in profiles:
            yield Question(template, _asking(path, [("profile", [profile])]))


def query_parameters(published: Published, template: str) -> dict[str, dict[str, Any]]:
    """The published query parameters of a path but the page token, by name, with what schemas they have."""
    found = {}
    for item in map(published.resolve, published.document["paths"][template]["get"]["parameters"]):
        if item["in"] == "query" and item["name"] != "pageToken":
            schema = published.resolve(item["schema"])
            if "items" in schema:
                schema = {**schema, "items": published.resolve(schema["items"])}
            found[item["name"]] = schema
    return found


def _asking(path: str, query: list[tuple[str, Values]]) -> str:
    pairs = [(name, value) for name, values in query for value in values]
    return f"{path}?{urlencode(pairs, quote_via=quote)}" if pairs else path
