"""A conversation with one computer of the vehicle: what it is asked next, and what to make of how it answers.

A function of time and answers alone: it sends nothing and reads no clock.

* One question at a time. It waits for its answer `ANSWER_MS`, and `PENDING_MS` longer each time that the computer says
  that it needs longer, up to `LONGEST_PENDING_MS` in all.
* Of the PIDs that the profile names only those are asked for that the computer says it has (PID 00, 20, 40 …), up to
  six at once where their lengths are known and it answers that.
* What it refuses for good (no such service, no such value, not without security access) is not asked again before the
  vehicle has slept: while they wake up, computers refuse what they know. What it refuses for now is asked again soon
  when it is busy, and after longer and longer otherwise.
* What gets no answer is asked again after longer and longer. A computer that says nothing at all is asked on the next
  of its addresses, and after longer and longer, up to `LONGEST_SILENCE_MS`, one question at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from agent.asking import messages
from agent.asking.address import Address
from agent.asking.messages import FOR_GOOD, Refusal, Service
from agent.isotp.pids import LENGTHS
from contract.profile.asking import Ask

ANSWER_MS = 2_000
PENDING_MS = 5_000
LONGEST_PENDING_MS = 30_000
AT_ONCE = 6
SILENT_AFTER = 2
"""So many questions in a row without any answer are a silence."""
FIRST_SILENCE_MS = 5_000
LONGEST_SILENCE_MS = 300_000
BUSY_MS = 500
REFUSED_MS = 60_000
LONGEST_REFUSED_MS = 3_600_000
_ONCE_AGAIN_MS = 60_000
"""When to ask again for what is asked for once, and did not come."""


class Asked(msgspec.Struct):
    """What became of the questions."""

    asked: int = 0
    answered: int = 0
    unanswered: int = 0
    refused: Counter[int] = msgspec.field(default_factory=Counter)
    """By reason (`Refusal`)."""


class _Item(msgspec.Struct, eq=False):
    """Something to ask for."""

    question: bytes
    every_ms: int | None
    """None: once."""
    due_ms: int = 0
    failures: int = 0
    over: bool = False
    """It need not be asked again: it was told, or refused for good."""
    refused: bool = False

    @property
    def discovers(self) -> bool:
        """Whether it asks which PIDs there are."""
        return self.question[0] == Service.CURRENT_DATA and self.question[1] % 0x20 == 0

    @property
    def pid(self) -> int | None:
        """The PID whose value it asks for; none for those that tell which there are."""
        is_value = self.question[0] == Service.CURRENT_DATA and not self.discovers
        return self.question[1] if is_value else None

    def put_off(self, now_ms: int, first_ms: int, longest_ms: int) -> None:
        later_ms = min(longest_ms, first_ms << min(self.failures, 20))
        self.failures += 1
        self.due_ms = now_ms + max(later_ms, self.every_ms or 0)


class _Open(msgspec.Struct, frozen=True):
    """A question that waits for its answer."""

    items: tuple[_Item, ...]
    question: bytes
    asked_ms: int
    until_ms: int


class Conversation:
    def __init__(self, ask: Ask) -> None:
        self.counts = Asked()
        self._addresses = tuple(Address(*each) for each in ask.addresses)
        self._turn = 0
        self._items = [_Item(question, every_ms) for question, every_ms in _to_ask(ask)]
        self._wanted = [int(pid, 16) for pid in ask.pids]
        self._every_ms = {int(pid, 16): int(every) for pid, every in ask.pids.items()}
        self._together = True
        """Whether several PIDs are asked for at once."""
        self._open: _Open | None = None
        self._silent = 0
        """Questions in a row without an answer."""
        self._hold_until_ms = 0

    @property
    def address(self) -> Address:
        return self._addresses[self._turn % len(self._addresses)]

    @property
    def waiting(self) -> bool:
        """Whether a question waits for its answer."""
        return self._open is not None

    @property
    def silent(self) -> bool:
        return self._silent >= SILENT_AFTER

    def due_ms(self) -> int | None:
        """When it has something to ask, or a question is given up; None while there is nothing."""
        if self._open is not None:
            return self._open.until_ms
        due = [item.due_ms for item in self._items if not item.over]
        return max(min(due), self._hold_until_ms) if due else None

    def hold(self, until_ms: int) -> None:
        """Asks nothing new before `until_ms`: another tester speaks."""
        self._hold_until_ms = max(self._hold_until_ms, until_ms)

    def question(self, now_ms: int) -> bytes | None:
        """What to ask now, for which an answer is then waited for; None for nothing."""
        if self._open is not None or now_ms < self._hold_until_ms:
            return None
        due = sorted((item for item in self._items if not item.over and item.due_ms <= now_ms), key=_due_ms)
        if not due:
            return None
        items = due[:1]
        if self._together and due[0].pid in LENGTHS and not self.silent:
            items = [item for item in due if item.pid in LENGTHS][:AT_ONCE]
        question = items[0].question if len(items) == 1 else messages.ask_pids(*(item.question[1] for item in items))
        self._open = _Open(tuple(items), question, now_ms, now_ms + ANSWER_MS)
        self.counts.asked += 1
        return question

    def hear(self, answer: bytes, now_ms: int) -> bool:
        """Takes what the computer says; True where it is the answer that was waited for, refusals included."""
        waiting = self._open
        if waiting is None:
            return False
        reason = messages.refusal(waiting.question, answer)
        if reason is not None:
            self._silent = 0
            if reason == Refusal.PENDING:
                until_ms = min(now_ms + PENDING_MS, waiting.asked_ms + LONGEST_PENDING_MS)
                self._open = _Open(waiting.items, waiting.question, waiting.asked_ms, until_ms)
                return False
            self._open = None
            self._refuse(waiting, reason, now_ms)
            return True
        if not messages.answers(waiting.question, answer):
            return False
        self._open = None
        self._silent = 0
        self.counts.answered += 1
        self._answered(waiting, answer)
        return True

    def tick(self, now_ms: int) -> bool:
        """Gives up a question that waited too long; True where there was one."""
        waiting = self._open
        if waiting is None or now_ms < waiting.until_ms:
            return False
        self._open = None
        self.counts.unanswered += 1
        self._silent += 1
        if len(waiting.items) > 1:
            self._together = False
        for item in waiting.items:
            item.put_off(now_ms, FIRST_SILENCE_MS, LONGEST_SILENCE_MS)
        if self.silent:
            self._turn += 1
            later_ms = FIRST_SILENCE_MS << min(self._silent // len(self._addresses), 20)
            self.hold(now_ms + min(later_ms, LONGEST_SILENCE_MS))
        return True

    def forget(self) -> None:
        """The vehicle slept: an answer that is waited for does not come, and all is due again, even what it refused and
        what it told once, but which PIDs it has."""
        self._open = None
        self._silent = 0
        self._hold_until_ms = 0
        for item in self._items:
            item.due_ms = 0
            item.failures = 0
            item.over = item.over and item.discovers and not item.refused
            item.refused = False

    def _answered(self, waiting: _Open, answer: bytes) -> None:
        got = waiting.items
        if len(got) > 1:
            given = messages.answered_pids(answer)
            got = tuple(item for item in waiting.items if item.pid in given)
            # It answers one at a time: the others are due still.
            self._together = len(got) == len(waiting.items)
        for item in got:
            item.failures = 0
            if item.every_ms is None:
                item.over = True
            else:
                item.due_ms = max(item.due_ms + item.every_ms, waiting.asked_ms + item.every_ms // 2)
        if waiting.items[0].discovers:
            self._discover(answer)

    def _discover(self, answer: bytes) -> None:
        """Of the PIDs that the computer says it has, those that are wanted are asked for."""
        base = answer[1]
        there = messages.supported_pids(answer)
        self._items += [
            _Item(messages.ask_pids(pid), self._every_ms[pid]) for pid in self._wanted if pid in there and pid % 0x20
        ]
        following = base + 0x20
        if following in there and any(pid > following for pid in self._wanted):
            self._items.append(_Item(messages.ask_pids(following), None))

    def _refuse(self, waiting: _Open, reason: int, now_ms: int) -> None:
        self.counts.refused[reason] += 1
        if len(waiting.items) > 1 and reason in FOR_GOOD:
            # Not what was asked for is refused, but that it was so much.
            self._together = False
            return
        for item in waiting.items:
            if reason in FOR_GOOD:
                item.over = item.refused = True
            elif reason == Refusal.BUSY:
                later_ms = min(BUSY_MS << min(item.failures, 20), item.every_ms or _ONCE_AGAIN_MS)
                item.failures += 1
                item.due_ms = now_ms + later_ms
            else:
                item.put_off(now_ms, REFUSED_MS, LONGEST_REFUSED_MS)


def _to_ask(ask: Ask) -> Iterator[tuple[bytes, int | None]]:
    """Each question with how often; PIDs are asked for when it is known which there are."""
    if ask.vin is not None:
        yield messages.ask_vin(ask.vin), None
    if ask.pids:
        yield messages.ask_pids(0), None
    for did, every in ask.dids.items():
        yield messages.ask_identifier(int(did, 16)), int(every)
    for lid, every in ask.lids.items():
        yield messages.ask_local_identifier(int(lid, 16)), int(every)
    if ask.faults is not None:
        for question in messages.ask_codes(ask.faults):
            yield question, int(ask.faults_every)


def _due_ms(item: _Item) -> int:
    return item.due_ms
