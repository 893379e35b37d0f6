"""Lists of natural numbers as bits: Rice codes with an escape, zeros left out where they are many.

    naturals = 0, rice                     all of them
             | 1, places, rice             where they are not 0; those less 1
    places   = number, rice                how many; rows passed over before each one since the one before
    rice     = number k, unary…, remainder…, number…
    number   = groups of a flag (1: more follow) and 3 bits, highest first
    signed   = number                      zigzag: 0, -1, 1, -2 … are 0, 1, 2, 3 …

`rice` codes a list of n naturals, n known from the context and nothing written when it is 0: the quotients v >> k as so
many zeros and a one, then the k low bits of each, then, for every quotient of 24 or more (written as 24 zeros), a
number: what it is above 24. So a wild value costs 120 bits at most and never floods a list. The parameter k is the
writer's choice.

Bits are text of the characters 0 and 1 here: searching, cutting and joining text is what Python does fast.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate

from contract.wire import Refusal, WireError

_ESCAPE = 24
_UNARY = tuple("0" * quotient + "1" for quotient in range(_ESCAPE + 1))
_NUMBER_BITS = 72
"""A number is below 2**72: the zigzag of a second difference of values of 66 bits takes 69."""


def naturals(values: list[int]) -> str:
    """The bits of a list of naturals; the reader must know how many they are."""
    dense = "0" + _rice(values)
    if 2 * values.count(0) <= len(values):
        return dense
    sparse = "1" + places([row for row, value in enumerate(values) if value])
    sparse += _rice([value - 1 for value in values if value])
    return sparse if len(sparse) < len(dense) else dense


def zigzag(values: Iterable[int]) -> list[int]:
    return [value << 1 if value >= 0 else ~(value << 1) for value in values]


def unzigzag(codes: Iterable[int]) -> list[int]:
    return [code >> 1 ^ -(code & 1) for code in codes]


def _number(value: int) -> str:
    last = f"{value & 7:04b}"
    while value := value >> 3:
        last = f"{value & 7 | 8:04b}" + last
    return last


_NUMBERS = tuple(map(_number, range(512)))


def signed(value: int) -> str:
    """The bits of one integer."""
    code = value << 1 if value >= 0 else ~(value << 1)
    return _NUMBERS[code] if code < len(_NUMBERS) else _number(code)


def places(rows: list[int]) -> str:
    """The bits of ascending row numbers."""
    return _number(len(rows)) + _rice([row - before - 1 for row, before in zip(rows, [-1, *rows], strict=False)])


def _rice(naturals: list[int]) -> str:
    if not naturals:
        return ""
    largest = max(naturals)
    k = _parameter(naturals, largest)
    if largest >> k < _ESCAPE:
        escaped = ""
        unary = "".join([_UNARY[natural >> k] for natural in naturals])
    else:
        quotients = [natural >> k for natural in naturals]
        escaped = "".join([_number(quotient - _ESCAPE) for quotient in quotients if quotient >= _ESCAPE])
        unary = "".join([_UNARY[min(quotient, _ESCAPE)] for quotient in quotients])
    if k == 0:
        return _NUMBERS[0] + unary + escaped
    mask = (1 << k) - 1
    if k <= _TABLE_BITS:
        words = _words(k)
        remainders = "".join([words[natural & mask] for natural in naturals])
    else:
        remainders = "".join([f"{natural & mask:0{k}b}" for natural in naturals])
    return _NUMBERS[k] + unary + remainders + escaped


_TABLE_BITS = 8


@lru_cache(maxsize=_TABLE_BITS + 1)
def _words(width: int) -> list[str]:
    """Every word of `width` bits by its value."""
    return [f"{value:0{width}b}" for value in range(1 << width)]


@lru_cache(maxsize=_TABLE_BITS + 1)
def _values(width: int) -> dict[str, int]:
    return {word: value for value, word in enumerate(_words(width))}


def _parameter(naturals: list[int], largest: int) -> int:
    """The Rice parameter that makes the list short: sought from the mean, or from below it where wild values rule."""
    count = len(naturals)
    k = min((sum(naturals) * 2 // (3 * count)).bit_length(), sum(map(int.bit_length, naturals)) // count + 6)
    cost = _cost(naturals, k, largest)
    step = 1
    if k and (lower := _cost(naturals, k - 1, largest)) <= cost:
        k, cost, step = k - 1, lower, -1
    while k + step >= 0 and (other := _cost(naturals, k + step, largest)) < cost:
        k, cost = k + step, other
    return k


def _cost(naturals: list[int], k: int, largest: int) -> int:
    """Bits that the parameter `k` takes, without its own."""
    bits = len(naturals) * (k + 1)
    if largest >> k < _ESCAPE:
        return bits + sum([natural >> k for natural in naturals])
    quotients = [natural >> k for natural in naturals]
    return bits + sum(
        [q if q < _ESCAPE else _ESCAPE + 4 * max(1, -(-(q - _ESCAPE).bit_length() // 3)) for q in quotients]
    )


_GROUPS = {f"{value:04b}": value for value in range(16)}


class Bits:
    """Bits that are read from the front. Methods raise `WireError` where they end, or hold what is never written."""

    def __init__(self, data: bytes) -> None:
        self.bits = bin(int.from_bytes(b"\1" + data, "big"))[3:]
        self.at = 0

    def take(self, count: int) -> str:
        """The next `count` bits."""
        start = self.at
        self.at = start + count
        if self.at > len(self.bits):
            raise _short()
        return self.bits[start : self.at]

    def _number(self) -> int:
        value = 0
        for start in range(self.at, self.at + _NUMBER_BITS // 3 * 4, 4):
            group = _GROUPS.get(self.bits[start : start + 4])
            if group is None:
                raise _short()
            if group < 8:
                self.at = start + 4
                return value << 3 | group
            value = value << 3 | group - 8
        raise WireError(Refusal.OUT_OF_RANGE, f"a number of more than {_NUMBER_BITS} bits in a block")

    def signed(self) -> int:
        code = self._number()
        return code >> 1 ^ -(code & 1)

    def _rice(self, count: int) -> list[int]:
        if count == 0:
            return []
        k = self._number()
        if k > _NUMBER_BITS:
            raise WireError(Refusal.OUT_OF_RANGE, f"a Rice parameter of {k} in a block")
        zeros = self.bits[self.at : self.at + count * (_ESCAPE + 1)].split("1", count)
        if len(zeros) <= count:
            raise _short()
        del zeros[count]
        quotients = list(map(len, zeros))
        self.at += sum(quotients) + count
        if k == 0:
            naturals = quotients
        else:
            words = self.take(count * k)
            starts = range(0, count * k, k)
            if k <= _TABLE_BITS:
                values = _values(k)
                remainders = [values[words[start : start + k]] for start in starts]
            else:
                remainders = [int(words[start : start + k], 2) for start in starts]
            naturals = [quotient << k | low for quotient, low in zip(quotients, remainders, strict=True)]
        largest = max(quotients)
        if largest > _ESCAPE:
            raise WireError(Refusal.MALFORMED, f"a quotient of {largest} in a block, at most {_ESCAPE} are written")
        if largest == _ESCAPE:
            for index, quotient in enumerate(quotients):
                if quotient == _ESCAPE:
                    naturals[index] += self._number() << k
        return naturals

    def naturals(self, count: int) -> list[int]:
        """A list of `count` naturals."""
        if self.take(1) == "0":
            return self._rice(count)
        naturals = [0] * count
        rows = self.places(count)
        for row, less_one in zip(rows, self._rice(len(rows)), strict=True):
            naturals[row] = less_one + 1
        return naturals

    def places(self, rows: int) -> list[int]:
        """Ascending row numbers below `rows`."""
        count = self._number()
        if count > rows:
            raise WireError(Refusal.MALFORMED, f"{count} places among {rows} rows in a block")
        places = list(accumulate([gap + 1 for gap in self._rice(count)], initial=-1))[1:]
        if places and places[-1] >= rows:
            raise WireError(Refusal.MALFORMED, f"place {places[-1]} among {rows} rows in a block")
        return places

    def finish(self) -> None:
        """Refuses more than the filling of the last byte, which is zeros."""
        rest = self.bits[self.at :]
        if len(rest) > 7 or "1" in rest:
            raise WireError(Refusal.MALFORMED, f"{len(rest)} bits follow the last column of a block")


def _short() -> WireError:
    return WireError(Refusal.MALFORMED, "a block ends before its columns do")
