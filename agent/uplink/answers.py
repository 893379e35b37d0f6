"""Results of commands on their way: one that the broker did not take over before the connection ended goes again."""

from __future__ import annotations

from agent.uplink.orders import Orders
from contract.command import Result


class Answers:
    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._sent: dict[int, Result] = {}
        """By packet number, what the broker has not taken over."""

    def __len__(self) -> int:
        """How many are on their way."""
        return len(self._sent)

    def due(self) -> list[Result]:
        """What is to be published now; each is to be `sent`."""
        return self._orders.results()

    def sent(self, packet: int, result: Result) -> None:
        self._sent[packet] = result

    def settled(self, packet: int) -> None:
        """The broker has taken it over, or refused it; any packet may be named."""
        self._sent.pop(packet, None)

    def reconnected(self) -> None:
        """A new connection: what was on its way is due again."""
        for result in self._sent.values():
            self._orders.answer(result)
        self._sent.clear()
