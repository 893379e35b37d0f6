"""Results that are expensive and mostly the same again: a vehicle that stands has the same status for hours."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

NUMBER = 1024

Key = TypeVar("Key", bound=Hashable)
Source = TypeVar("Source")
Result = TypeVar("Result")


class Remembered(Generic[Key, Source, Result]):
    """For each key the last result, for as long as it is asked of the same source. Safe to use from any thread.

    Results are shared between those who ask: nobody may change them.
    """

    def __init__(
        self,
        make: Callable[[Source], Result],
        number: int = NUMBER,
        same: Callable[[Source, Source], bool] = operator.is_,
    ) -> None:
        """`make` is a function of the source alone, and `same` says that two sources give the same. Of more than
        `number` keys the oldest results are forgotten."""
        self._make = make
        self._number = number
        self._same = same
        self._lock = threading.Lock()
        self._results: dict[Key, tuple[Source, Result]] = {}

    def __len__(self) -> int:
        return len(self._results)

    def of(self, key: Key, source: Source) -> Result:
        found = self._results.get(key)
        if found is not None and self._same(found[0], source):
            return found[1]
        result = self._make(source)
        with self._lock:
            self._results.pop(key, None)
            self._results[key] = source, result
            if len(self._results) > self._number:
                del self._results[next(iter(self._results))]
        return result
