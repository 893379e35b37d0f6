"""Results of commands on their way: one that the broker did not take over before the connection ended goes again."""

from __future__ import annotations

from agent.uplink.orders import MOST, Orders
from contract.result import Result


class Answers:
    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._waiting: list[Result] = []
        """Not sent on this connection."""
        self._sent: dict[int, Result] = {}
        """By packet number, what the broker has not taken over."""

    def __len__(self) -> int:
        """How many are on their way."""
        return len(self._sent)

    def due(self) -> list[Result]:
        """What is to be published now; each is due until it is `sent`. While the broker takes nothing over, what comes
        later stays where it is bounded."""
        if len(self._sent) < MOST:
            self._waiting += self._orders.results()
        return list(self._waiting)

    def sent(self, packet: int, result: Result) -> None:
        self._waiting.remove(result)
        self._sent[packet] = result

    def settled(self, packet: int) -> None:
        """The broker has taken it over, or refused it; any packet may be named."""
        self._sent.pop(packet, None)

    def reconnected(self) -> None:
        """A new connection: what was on its way is due again, before what came later."""
        self._waiting[:0] = self._sent.values()
        self._sent.clear()
