"""What is said to the cloud besides uploads and manifests, and what it says besides receipts.

Commands and what comes of them, watch lists and the reports about them, the next certificate and the request for it.
None of it is in the journal: whoever says it says it again where a connection ended before the broker took it over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from agent.uplink.answers import Answers
from agent.uplink.happened import Happened
from agent.uplink.orders import Orders
from contract import topics
from contract.result import encode_result

if TYPE_CHECKING:
    from agent.uplink.renewal import Renewal
    from agent.watching.desired import Desired

Publish = Callable[[str, bytes], int]
"""Publishes a payload on the topic of a name; the packet's number."""


class Dialogue:
    """For the uplink's thread. Without `desired` nobody may say what is watched, without `renewal` nobody asks for
    certificates."""

    def __init__(self, orders: Orders, desired: Desired | None, renewal: Renewal | None) -> None:
        self._orders = orders
        self._desired = desired
        self._renewal = renewal
        self._answers = Answers(orders)
        self._asking: int | None = None
        """The packet that asks for a certificate, until the broker has taken it over."""

    def __len__(self) -> int:
        """How many packets the broker has not taken over."""
        reports = 0 if self._desired is None else self._desired.under_way()
        return len(self._answers) + reports + int(self._asking is not None)

    def topics(self) -> Iterator[str]:
        """The names of those that something is expected on."""
        if self._orders.wanted:
            yield topics.COMMAND
        if self._desired is not None:
            yield topics.WATCH
        if self._renewal is not None and self._renewal.possible:
            yield topics.CERTIFICATE

    def reconnected(self, *, remembered: bool) -> None:
        """There is a new connection, to a broker that has `remembered` our session or not."""
        self._answers.reconnected()
        self._asking = None
        if self._desired is not None:
            self._desired.reconnected(remembered=remembered)

    def speak(self, publish: Publish) -> None:
        """Says what is due."""
        for result in self._answers.due():
            self._answers.sent(publish(topics.RESULT, encode_result(result)), result)
        if self._desired is not None and (report := self._desired.report()) is not None:
            self._desired.sent(publish(topics.WATCH_REPORT, report))
        if self._renewal is not None and (request := self._renewal.request()) is not None:
            self._asking = publish(topics.CERTIFICATE_REQUEST, request)

    def settled(self, packet: int) -> None:
        """The broker has taken it over, or refused it; any packet may be named."""
        self._answers.settled(packet)
        if packet == self._asking:
            self._asking = None
        if self._desired is not None:
            self._desired.settled(packet)

    def listen(self, happened: Happened) -> None:
        """Hands on what came."""
        for payload in happened.commands:
            self._orders.receive(payload)
        if self._desired is not None:
            for payload in happened.watched:
                self._desired.receive(payload)
        if self._renewal is not None:
            for payload in happened.certificates:
                self._renewal.answer(payload)
