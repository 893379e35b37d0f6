"""Checks every answer: its status, its body against the published specification, its headers, where its links lead; and
counts, by the published path."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.conformance.asking import Question
from tests.published import Published

UNKNOWN_PATH = 40401
_LIMITS = [f"x-ratelimit-{word}-{window}" for word in ("limit", "remaining") for window in (1, 2)]
_WITHOUT_LIMITS = (401, 405)
"""Answers to nobody."""


_DONE = (200, 202, 204)


@dataclass
class Operation:
    """What came of the questions for a published path."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    """What is wrong, with the question."""
    is_served: bool = True

    @property
    def invalid(self) -> int:
        """Answers that are wrong, or 1 where there was none that is right."""
        return len(self.findings) or (0 if self.is_shown else 1)

    @property
    def is_shown(self) -> bool:
        return any(self.statuses[status] for status in _DONE)


class Tally:
    def __init__(self, published: Published, operations: Iterable[str]) -> None:
        """`operations`: the published paths, before each its method where that is not `GET`."""
        self._published = published
        self._conforming: set[tuple[str, bytes]] = set()
        """Documents, and elements of collections, that have been checked."""
        self.operations = {operation: Operation() for operation in operations}
        self.shown: set[str] = set()
        """Fields that right answers have had: the published path and the fields down to it, `[]` for elements."""

    def add(self, question: Question, answer: httpx.Response) -> None:
        operation = self.operations[question.operation or question.template]
        operation.requests += 1
        operation.statuses[answer.status_code] += 1
        for what in self._wrong(question, answer):
            self.find(question, what)
        if answer.status_code == 404 and question.method == "GET" and answer.json()["code"] == UNKNOWN_PATH:
            operation.is_served = False

    def find(self, question: Question, what: str) -> None:
        """Something that is wrong with the answer to a question."""
        asked = f"{question.method} {question.path[:300]} ({question.client or 'no client'})"
        self.operations[question.operation or question.template].findings.append(f"{asked}: {what}")

    def _wrong(self, question: Question, answer: httpx.Response) -> Iterator[str]:
        status = answer.status_code
        if status not in question.expected:
            yield f"{status}, expected {' or '.join(map(str, sorted(question.expected)))}: {answer.text[:200]}"
            return
        if question.method in ("HEAD", "OPTIONS") or status in (204, 304):
            if answer.content:
                yield f"{status} has a body"
        else:
            yield from self._not_as_published(question, answer)
        needed = [] if status in _WITHOUT_LIMITS or question.method == "OPTIONS" else list(_LIMITS)
        tags = [] if question.operation else ["etag"]
        needed += {200: tags, 304: tags, 429: ["retry-after", "x-ratelimit-reset"]}.get(status, [])
        missing = [name for name in needed if name not in answer.headers]
        if missing:
            yield f"{status} without {', '.join(missing)}"

    def _not_as_published(self, question: Question, answer: httpx.Response) -> Iterator[str]:
        """Of what is shown again and again once: checking takes longer than answering."""
        template, status = question.template, answer.status_code
        media_type = answer.headers.get("content-type")
        document = f"{template} {media_type}", answer.content
        if status == 200 and document in self._conforming:
            return
        if status >= 400 and media_type != "application/json":
            yield f"an error as {media_type}"
        try:
            body: Any = json.loads(answer.content)
            new = self._leave_new(template, body)
            # Methods that nothing is published of are refused with an error as all others.
            method = question.method if question.operation else "GET"
            self._published.assert_conforms(template, method, status, body, media_type)
        except (AssertionError, ValueError) as error:
            yield str(error)[:1000]
        else:
            self._conforming |= {document, *((template, each) for each in new)}
            if status == 200:
                self._note_fields(template, body)

    def _note_fields(self, place: str, value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                self.shown.add(f"{place}/{name}")
                self._note_fields(f"{place}/{name}", inner)
        elif isinstance(value, list):
            for element in value:
                self._note_fields(f"{place}[]", element)

    def _leave_new(self, template: str, body: Any) -> list[bytes]:
        """Leaves of a page its frame and the elements not seen before, or else the first; returns what is new."""
        if not isinstance(body, dict) or "total" not in body or not isinstance(body.get("_embedded"), dict):
            return []
        found = []
        for name, elements in body["_embedded"].items():
            if isinstance(elements, list):
                written = [json.dumps(element).encode() for element in elements]
                new = [place for place, each in enumerate(written) if (template, each) not in self._conforming]
                body["_embedded"][name] = [elements[place] for place in new or range(len(elements))[:1]]
                found += [written[place] for place in new]
        return found
