"""The past of signals, as far as conditions look back (`contract.windows`): values come in, windows are asked.

Memory is bounded: of each window at most `MOST_VALUES` values are kept. A signal that comes oftener is looked back at
less far.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Protocol

from contract.evaluation import Value
from contract.windows import Look, Window

MOST_VALUES = 8192


class Past(Protocol):
    def take(self, at_ms: int, value: Value) -> None:
        """The signal's value of the frame that came at `at_ms`, not before the last one."""

    def value(self, now_ms: int) -> Value | None: ...


class Windows:
    """Every window of some conditions."""

    def __init__(self, windows: Iterable[Window]) -> None:
        self._windows = dict.fromkeys(windows)
        self._by_key: dict[str, Past] = {}
        self._by_signal: dict[str, list[Past]] = {}
        self.forget()

    @property
    def signals(self) -> tuple[str, ...]:
        """Those of which every value is to be taken."""
        return tuple(self._by_signal)

    def forget(self) -> None:
        self._by_key.clear()
        self._by_signal.clear()
        for window in self._windows:
            past = self._by_key[window.key] = _past(window)
            self._by_signal.setdefault(window.signal, []).append(past)

    def take(self, signal: str, at_ms: int, value: Value) -> None:
        for past in self._by_signal[signal]:
            past.take(at_ms, value)

    def value(self, key: str, now_ms: int) -> Value | None:
        """What a window says at `now_ms`, by its key; None also for what is no window."""
        past = self._by_key.get(key)
        return None if past is None else past.value(now_ms)


def _past(window: Window) -> Past:
    match window.look:
        case Look.RATE:
            return _Rate(window.length_ms)
        case Look.MINIMUM:
            return _Extreme(window.length_ms, 1)
        case Look.MAXIMUM:
            return _Extreme(window.length_ms, -1)
        case Look.CHANGED:
            return _Changed()


class _Rate:
    def __init__(self, length_ms: int) -> None:
        self._length_ms = length_ms
        self._values: deque[tuple[int, float]] = deque(maxlen=MOST_VALUES)

    def take(self, at_ms: int, value: Value) -> None:
        if not isinstance(value, str):
            self._values.append((at_ms, value))
            self._drop(at_ms)

    def value(self, now_ms: int) -> Value | None:
        self._drop(now_ms)
        if len(self._values) < 2:
            return None
        (first_ms, first), (last_ms, last) = self._values[0], self._values[-1]
        if 2 * (last_ms - first_ms) < self._length_ms:
            return None
        return (last - first) * 1000 / (last_ms - first_ms)

    def _drop(self, now_ms: int) -> None:
        values, from_ms = self._values, now_ms - self._length_ms
        while values and values[0][0] < from_ms:
            values.popleft()


class _Extreme:
    """The least value (`sign` 1) or the greatest (-1). Only values are kept that may still become it."""

    def __init__(self, length_ms: int, sign: int) -> None:
        self._length_ms = length_ms
        self._sign = sign
        self._values: deque[tuple[int, float]] = deque(maxlen=MOST_VALUES)

    def take(self, at_ms: int, value: Value) -> None:
        if isinstance(value, str):
            return
        values, low = self._values, value * self._sign
        while values and values[-1][1] >= low:
            values.pop()
        values.append((at_ms, low))
        self._drop(at_ms)

    def value(self, now_ms: int) -> Value | None:
        self._drop(now_ms)
        return self._values[0][1] * self._sign if self._values else None

    def _drop(self, now_ms: int) -> None:
        values, from_ms = self._values, now_ms - self._length_ms
        while values and values[0][0] < from_ms:
            values.popleft()


class _Changed:
    def __init__(self) -> None:
        self._before: Value | None = None
        self._newest: Value | None = None
        self._at_ms = -1

    def take(self, at_ms: int, value: Value) -> None:
        self._before, self._newest, self._at_ms = self._newest, value, at_ms

    def value(self, now_ms: int) -> Value | None:
        if self._newest is None:
            return None
        return self._at_ms == now_ms and self._before is not None and self._newest != self._before
