"""Asks a world the systematic set of questions, and follows the links of the answers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from cloud_bridge.api.links import BASE
from tests.conformance import asking, controlling, subjects, writing
from tests.conformance.asking import BASIC, DATA, OK, WRONG, Question, Subject
from tests.conformance.tally import Operation, Tally
from tests.conformance.world import FLEET, LIMITED_CLIENT, PUBLIC_URL, World
from tests.published import Published

_ROOT = PUBLIC_URL + BASE
_OF_PAGES = ("first", "last", "next", "prev", "self")


class Asker:
    def __init__(self, world: World, published: Published, most_links: int, records_each: int) -> None:
        """`most_links`: how many links to each path are followed. `records_each`: how many records of a kind are asked
        for of each vehicle, 1 or 2, more where those do not show every field."""
        self._world = world
        self._published = published
        self._most_links = most_links
        self._records_each = records_each
        self._templates = asking.readable(published)
        written = [f"{method} {path}" for method, path in writing.writable(published)]
        self.tally = Tally(published, [*self._templates, *written])
        self._links: dict[str, dict[str, Question]] = {template: {} for template in self._templates}
        self._noted: set[str] = set()
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(world.app), base_url=_ROOT)

    async def ask_all(self) -> dict[str, Operation]:
        """What came of it, by published path; before it the method where it is not `GET`."""
        async with self._client:
            vehicles = [await subjects.vehicle(self._get, vin, own) for vin, own in self._world.vehicles.items()]
            # It may ask once a day, and has.
            await self._send(Question("/fleets", "/fleets", client=LIMITED_CLIENT))
            for template in self._templates:
                await self._ask_for(template, vehicles)
            await self._follow_links()
            await writing.ask_all(self._write)
            await controlling.ask_all(self._write, self._world)
        return self.tally.operations

    async def _ask_for(self, template: str, vehicles: Sequence[Subject]) -> None:
        found: dict[str, Subject] = {}
        for vehicle in vehicles:
            for subject in await subjects.records(self._get, template, vehicle, self._records_each):
                found.setdefault(asking.filled(template, subject.ids), subject)
        for subject in found.values():
            for question in asking.questions(self._published, template, subject):
                await self._ask(question)
        for question in asking.of_empty_fleet(self._published, template):
            await self._ask(question)
        # What is independent of the data is asked of one vehicle, one that has some.
        answers = {path: await self._send(Question(template, path)) for path in found}
        path = next((path for path, answer in answers.items() if answer.status_code == 200), next(iter(answers)))
        answer = answers[path]
        for question in (
            *asking.wrong_values(self._published, template, found[path]),
            *asking.wrong_ids(template, found[path]),
            *asking.as_others(self._published, template, path),
            *_again(template, path, answer),
            *self._wrong_tokens(template, path, answer),
        ):
            await self._ask(question)

    async def _follow_links(self) -> None:
        followed: set[str] = set()
        while waiting := [
            question for links in self._links.values() for path, question in links.items() if path not in followed
        ]:
            for question in waiting:
                followed.add(question.path)
                await self._ask(question)

    async def _ask(self, question: Question) -> None:
        answer = await self._send(question)
        self.tally.add(question, answer)
        if answer.status_code == 200 and question.method == "GET":
            for name, href, is_of_page in _links(answer.json(), is_top=True):
                self._note(question, name, href, OK if is_of_page else DATA)

    async def _send(self, question: Question) -> httpx.Response:
        joint = "&" if "?" in question.path else "?"
        client = "" if question.client is None else f"{joint}client_id={question.client}"
        return await self._client.request(
            question.method, question.path + client, headers=question.headers, content=question.content
        )

    async def _write(self, question: Question) -> httpx.Response:
        answer = await self._send(question)
        self.tally.add(question, answer)
        return answer

    async def _get(self, path: str) -> dict[str, Any]:
        body: dict[str, Any] = (await self._send(Question("", path.removeprefix(_ROOT)))).json()
        return body

    def _note(self, question: Question, name: str, href: str, expected: frozenset[int]) -> None:
        """A link of the answer to `question`, to be followed."""
        if href in self._noted:
            return
        self._noted.add(href)
        path = href.removeprefix(_ROOT)
        template = next((each for each in self._templates if _is_of(each, path.partition("?")[0])), None)
        if not href.startswith(_ROOT) or template is None:
            self.tally.find(question, f"its link {name} leads to {href}, which is not published")
            return
        links = self._links[template]
        if len(links) < self._most_links:
            links.setdefault(path, Question(template, path, expected))

    def _wrong_tokens(self, template: str, path: str, answer: httpx.Response) -> Iterator[Question]:
        """A page token that was changed, and one of another collection."""
        first = answer.json().get("_links", {}).get("first", {}).get("href", "")
        token = first.partition("?pageToken=")[2]
        if token:
            for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), token[:-4], token + token):
                yield Question(template, f"{path}?pageToken={wrong}", WRONG)
            other = "/fleets" if template != "/fleets" else f"/fleets/{FLEET}/vehicles"
            yield Question(template, f"{other}?pageToken={token}", WRONG)


def _again(template: str, path: str, answer: httpx.Response) -> Iterator[Question]:
    """The same again by one who has the document already, and by one who has another."""
    tag = answer.headers.get("etag")
    if tag is not None:
        for known, status in ((tag, 304), ("*", 304), ('"another"', 200)):
            headers = {"Authorization": BASIC, "If-None-Match": known}
            yield Question(template, path, frozenset({status}), headers=headers)


def _is_of(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) is not None


def _links(document: Any, *, is_top: bool) -> Iterator[tuple[str, str, bool]]:
    """Name and target of every link that can be followed, and whether it is one of the page."""
    if isinstance(document, dict):
        for name, value in document.get("_links", {}).items():
            for link in value if isinstance(value, list) else [value]:
                if not link.get("templated"):
                    yield name, link["href"], is_top and "total" in document and name in _OF_PAGES
        for key, value in document.items():
            if key != "_links":
                yield from _links(value, is_top=False)
    elif isinstance(document, list):
        for each in document:
            yield from _links(each, is_top=False)
