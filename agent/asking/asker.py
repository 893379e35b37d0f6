"""The asker of one bus: it holds conversations with the vehicle's computers while the vehicle is awake.

It is a source of the live run like any other, read by a thread of its own; what it hands on are `Diagnosis` messages.
All other answers are decoded from the bus, where they are as visible as everything else.

* **It wakes nothing.** It asks while somebody else speaks on the bus, and stops `AWAKE_MS` after they did last. The
  answers to its own questions do not count, or it would keep the vehicle awake by itself. Where nobody else ever
  speaks, behind a gateway, the settings may allow asking all the same (`silent_bus`).
* **It gives way.** When another tester asks one of these computers, it asks nothing for `GIVE_WAY_MS`.
* **It stays within its share** of the bus (`agent.asking.share`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from agent.asking.conversation import Conversation
from agent.asking.identity import Identity
from agent.asking.lines.line import Answer, Line
from agent.asking.messages import NEGATIVE
from agent.asking.share import Share, exchange_bits
from agent.asking.trouble_codes import Diagnosis
from agent.bus.frame import Frame
from agent.bus.losses import Losses
from contract.profile.asking import Ask

log = logging.getLogger(__name__)

AWAKE_MS = 5_000
GIVE_WAY_MS = 10_000
_ASLEEP_WAIT_S = 1.0
_SHORTEST_WAIT_S = 0.005
_FIRST_DELAY_MS = 1_000
_LONGEST_DELAY_MS = 30_000


class Asker:
    def __init__(
        self,
        bus: str,
        asks: Mapping[str, Ask],
        open_line: Callable[[], Line],
        share: Share,
        identity: Identity,
        diagnosis: Diagnosis,
        losses: Losses,
        monotonic_ms: Callable[[], int],
        silent_bus: bool = False,
    ) -> None:
        """`asks` by name. The line is opened at the first `read`, and again when it fails."""
        self.bus = bus
        self.conversations = {name: Conversation(ask) for name, ask in asks.items()}
        self.awake = False
        """Whether it asks."""
        self.gave_way = 0
        """Times that another tester was there."""
        self._open_line = open_line
        self.line: Line | None = None
        """None while it is closed."""
        self._share = share
        self._identity = identity
        self._diagnosis = diagnosis
        self._losses = losses
        self._monotonic_ms = monotonic_ms
        self._silent_bus = silent_bus
        self._others_ms: int | None = None
        self._retry_at_ms = 0
        self._delay_ms = _FIRST_DELAY_MS

    def read(self, wait_s: float) -> list[Frame]:
        """Asks what is due, and hears answers for `wait_s` or a little longer; gives what they tell of fault codes."""
        line = self._opened(wait_s)
        if line is None:
            return []
        try:
            return self._turn(line, wait_s)
        except OSError as failure:
            self._fail(failure)
            return []

    def close(self) -> None:
        line, self.line = self.line, None
        if line is not None:
            line.close()

    def _turn(self, line: Line, wait_s: float) -> list[Frame]:
        now_ms = self._monotonic_ms()
        frames = self._listen(line, 0)
        self._look_around(line, now_ms)
        if self.awake:
            self._ask(line, now_ms)
        frames += self._listen(line, self._wait_s(wait_s, now_ms))
        now_ms = self._monotonic_ms()
        for conversation in self.conversations.values():
            address = conversation.address
            if conversation.tick(now_ms):
                self._losses.unanswered += 1
                line.rest(address)
        return frames

    def _listen(self, line: Line, wait_s: float) -> list[Frame]:
        return [frame for answer in line.answers(wait_s) for frame in self._hear(line, answer, self._monotonic_ms())]

    def _look_around(self, line: Line, now_ms: int) -> None:
        if line.others_spoke():
            self._others_ms = now_ms
        if line.tester_spoke():
            self.gave_way += 1
            for conversation in self.conversations.values():
                conversation.hold(now_ms + GIVE_WAY_MS)
        heard = self._others_ms is not None and now_ms - self._others_ms <= AWAKE_MS
        awake = heard or self._silent_bus
        if self.awake and not awake:
            for conversation in self.conversations.values():
                line.rest(conversation.address)
                conversation.forget()
        self.awake = awake

    def _ask(self, line: Line, now_ms: int) -> None:
        for conversation in self.conversations.values():
            if self._share.wait_ms(now_ms):
                return
            question = conversation.question(now_ms)
            if question is None:
                continue
            self._losses.asked += 1
            self._share.pay(exchange_bits(conversation.address, 0))
            line.ask(conversation.address, question)

    def _hear(self, line: Line, answer: Answer, now_ms: int) -> list[Frame]:
        for name, conversation in self.conversations.items():
            address = conversation.address
            if address.answer != answer.number or not conversation.waiting:
                continue
            self._share.pay(exchange_bits(address, len(answer.message)) - exchange_bits(address, 0))
            if not conversation.hear(answer.message, now_ms):
                continue
            line.rest(address)
            self._losses.unanswered += answer.message[:1] == bytes([NEGATIVE])
            self._identity.take(answer.message)
            if self._diagnosis.of(name).take(answer.message):
                return [self._diagnosis.frame(now_ms)]
        return []

    def _wait_s(self, wait_s: float, now_ms: int) -> float:
        """Until something is due, as far as is known now."""
        if not self.awake:
            return max(wait_s, _ASLEEP_WAIT_S)
        share_ms = self._share.wait_ms(now_ms)
        due_ms = [
            (due_ms - now_ms if conversation.waiting else max(due_ms - now_ms, share_ms))
            for conversation in self.conversations.values()
            if (due_ms := conversation.due_ms()) is not None
        ]
        return max(_SHORTEST_WAIT_S, min([wait_s, *(each / 1000 for each in due_ms)]))

    def _opened(self, wait_s: float) -> Line | None:
        """The line; None, after `wait_s` or less, while it cannot be opened."""
        if self.line is not None:
            return self.line
        due_s = (self._retry_at_ms - self._monotonic_ms()) / 1000
        if due_s > 0:
            time.sleep(min(due_s, wait_s))
            return None
        try:
            self.line = self._open_line()
        except OSError as failure:
            self._fail(failure)
        else:
            self._delay_ms = _FIRST_DELAY_MS
        return self.line

    def _fail(self, failure: OSError) -> None:
        log.warning("bus %s: asking: %s; next try in %d s", self.bus, failure, self._delay_ms // 1000)
        self._retry_at_ms = self._monotonic_ms() + self._delay_ms
        self._delay_ms = min(2 * self._delay_ms, _LONGEST_DELAY_MS)
        self.close()
        self.awake = False
        self._others_ms = None
        for conversation in self.conversations.values():
            conversation.forget()
