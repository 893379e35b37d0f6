"""How often clients asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Uses(Protocol):
    """How often clients asked, by the minute (Unix time / 60 s)."""

    def uses(self, client_id: str, since: int) -> dict[int, int]:
        """Requests by minute, from minute `since` on."""
        ...

    def add_uses(self, uses: Mapping[str, Mapping[int, int]], since: int, kept: int) -> dict[str, dict[int, int]]:
        """Adds requests by client and minute; returns what each of these clients has then, from `since` on. Clients
        that are not there any more are passed over. Minutes before `kept` may be forgotten."""
        ...
