"""What is wrong with a payload of a multiplexed message: of a page that the database lacks, or cut short.

Both are seldom asked, so what answers is written when the first such frame comes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from agent.databases.layouts import MessageLayout
from agent.decode.decoders import RawDecoder, raw_decoder


class Pages:
    """The pages of a message on which something is wanted, and the selectors that say which one a payload shows."""

    def __init__(self, message: MessageLayout, wanted: Sequence[str]) -> None:
        """`wanted`: names of signals, on pages or not."""
        self._message = message
        self._on_pages = [slot for slot, name in enumerate(wanted) if message.signal(name).multiplexer]
        selectors = dict.fromkeys(name for signal in wanted for name, _ in message.signal(signal).multiplexer or ())
        self._selectors = tuple(selectors)
        self._names = (*selectors, *wanted)
        self.needed_bytes = max(message.signal(name).payload_bytes for name in self._names)
        """A payload of so many bytes carries all that is wanted, whatever its page."""

    def lacks(self, data: bytes, raws: Sequence[int | None]) -> bool:
        """Whether the database has no page for what a selector in a payload says; `raws`: the wanted signals in it."""
        if any(raws[slot] is not None for slot in self._on_pages):
            return False
        return any(
            raw is not None and raw not in known for raw, known in zip(self._decode(data), self._known, strict=False)
        )

    def cut_short(self, data: bytes) -> bool:
        """Whether the payload ends before a selector, or before a wanted signal of the page that it shows."""
        whole = self._decode(data.ljust(self.needed_bytes, b"\0"))
        return any(raw is None and other is not None for raw, other in zip(self._decode(data), whole, strict=True))

    @cached_property
    def _decode(self) -> RawDecoder:
        return raw_decoder(self._message, self._names)

    @cached_property
    def _known(self) -> tuple[frozenset[int], ...]:
        """By selector, the values for which there is a page, wanted or not."""
        steps = [step for signal in self._message.signals for step in signal.multiplexer or ()]
        return tuple(
            frozenset(number for name, numbers in steps if name == selector for number in numbers)
            for selector in self._selectors
        )
