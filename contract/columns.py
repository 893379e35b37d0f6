"""Columns of integers, coded without loss and without any state outside the bytes.

A block holds columns of equal length; how many and how long, the reader knows from elsewhere. It is one string of bits,
filled with zeros to whole bytes, first bit highest. All choices (how a column is predicted, the Rice parameter) are
the writer's; the reader follows what is written.

    block    = 1, column…                  no value is missing in any column
             | 0, (presence, column)…
    presence = 1                           every row has a value
             | 00                          none has: no column follows
             | 01, places                  `places` where it changes from row to row; before the first row it is "has"
    column   = 1, signed                   every value is this one
             | 01, signed, naturals        the first value; first differences as zigzag
             | 001, signed, signed, naturals
                                           the first value and difference; second differences as zigzag (2 rows or more)
             | 000, signed, naturals       the least value; how far each value is above it
    naturals = 0, rice                     all of them
             | 1, places, rice             where they are not 0; those less 1
    places   = number, rice                how many; rows passed over before each one since the one before
    rice     = number k, unary…, remainder…, number…
    number   = groups of a flag (1: more follow) and 3 bits, highest first
    signed   = number                      zigzag: 0, -1, 1, -2 … are 0, 1, 2, 3 …

Columns with missing values are coded as the values that they have. `rice` codes a list of n naturals, n known from
the context and nothing written when it is 0: the quotients v >> k as so many zeros and a one, then the k low bits of
each, then, for every quotient of 24 or more (written as 24 zeros), a number: what it is above 24. So a wild value
costs 120 bits at most and never floods a block.

Values are integers of at most 66 bits and a sign: raw values of 64 bits, signed or not, and their differences. A block
that ends early, has more bytes than it needs, set bits in its filling, or values beyond the limits is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import sub

from contract.wire import Refusal, WireError

Column = Sequence[int | None]

VALUE_MAXIMUM = 2**66 - 1
VALUE_MINIMUM = -VALUE_MAXIMUM

_ESCAPE = 24
_UNARY = tuple("0" * quotient + "1" for quotient in range(_ESCAPE + 1))
_NUMBER_BITS = 72
"""A number is below 2**72: the zigzag of a second difference of values within the limit."""


def pack(columns: Sequence[Column], minimum: int = VALUE_MINIMUM, maximum: int = VALUE_MAXIMUM) -> bytes:
    """The block of `columns`, which are of equal length. Raises `WireError` for values not in [minimum, maximum]."""
    if not columns or not columns[0]:
        return b""
    rows = len(columns[0])
    if any(len(column) != rows for column in columns):
        raise WireError(Refusal.MALFORMED, "the columns of a block differ in length")
    present = [[value for value in column if value is not None] for column in columns]
    complete = all(len(values) == rows for values in present)
    written = ["1" if complete else "0"]
    for column, values in zip(columns, present, strict=True):
        if not complete:
            written.append(_presence(column, len(values)))
        if values:
            least, largest = min(values), max(values)
            if least < minimum or largest > maximum:
                raise WireError(Refusal.OUT_OF_RANGE, f"a value beyond {minimum} or {maximum} in a column")
            written.append(_column(values, least, largest))
    bits = "".join(written)
    size = (len(bits) + 7) // 8
    return int(bits.ljust(size * 8, "0"), 2).to_bytes(size, "big")


def _presence(column: Column, count: int) -> str:
    if count == len(column):
        return "1"
    if not count:
        return "00"
    changes: list[int] = []
    present = True
    for row, value in enumerate(column):
        if (value is not None) is not present:
            present = not present
            changes.append(row)
    return "01" + _places(changes)


def _column(values: list[int], least: int, largest: int) -> str:
    if least == largest:
        return "1" + _signed(least)
    first = list(map(sub, values[1:], values))
    second = list(map(sub, first[1:], first))
    above = [value - least for value in values]
    # How long the numbers are tells which prediction is best, closely enough and cheaply.
    first_length, second_length = _length(first), _length(second) + 2 * first[0].bit_length()
    plain_length = sum(map(int.bit_length, above))
    if plain_length < first_length and plain_length < second_length:
        return "000" + _signed(least) + _naturals(above)
    if second_length < first_length:
        return "001" + _signed(values[0]) + _signed(first[0]) + _naturals(_zigzag(second))
    return "01" + _signed(values[0]) + _naturals(_zigzag(first))


def _length(differences: list[int]) -> int:
    """Bits that the differences have in all, signs included."""
    return sum(map(int.bit_length, differences)) + len(differences) - differences.count(0)


def _naturals(naturals: list[int]) -> str:
    dense = "0" + _rice(naturals)
    if 2 * naturals.count(0) <= len(naturals):
        return dense
    sparse = "1" + _places([row for row, natural in enumerate(naturals) if natural])
    sparse += _rice([natural - 1 for natural in naturals if natural])
    return sparse if len(sparse) < len(dense) else dense


def _zigzag(values: Iterable[int]) -> list[int]:
    return [value << 1 if value >= 0 else ~(value << 1) for value in values]


def _number(value: int) -> str:
    last = f"{value & 7:04b}"
    while value := value >> 3:
        last = f"{value & 7 | 8:04b}" + last
    return last


_NUMBERS = tuple(map(_number, range(512)))


def _signed(value: int) -> str:
    code = value << 1 if value >= 0 else ~(value << 1)
    return _NUMBERS[code] if code < len(_NUMBERS) else _number(code)


def _places(rows: list[int]) -> str:
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
    """The Rice parameter that makes the list short: near the mean, or below it where wild values raise the mean."""
    k = max(0, (sum(naturals) * 2 // (3 * len(naturals))).bit_length())
    cost = _cost(naturals, k, largest)
    if k and (lower := _cost(naturals, k - 1, largest)) <= cost:
        while lower <= cost:
            k, cost = k - 1, lower
            if k == 0:
                break
            lower = _cost(naturals, k - 1, largest)
        return k
    return k + 1 if _cost(naturals, k + 1, largest) < cost else k


def _cost(naturals: list[int], k: int, largest: int) -> int:
    """Bits that the parameter `k` takes, without its own."""
    bits = len(naturals) * (k + 1)
    if largest >> k < _ESCAPE:
        return bits + sum([natural >> k for natural in naturals])
    quotients = [natural >> k for natural in naturals]
    return bits + sum(
        [q if q < _ESCAPE else _ESCAPE + 4 * max(1, -(-(q - _ESCAPE).bit_length() // 3)) for q in quotients]
    )


def unpack(
    data: bytes, columns: int, rows: int, minimum: int = VALUE_MINIMUM, maximum: int = VALUE_MAXIMUM
) -> list[Column]:
    """The `columns` columns of `rows` values that `data` is the block of. Raises `WireError` where it is not one.

    Memory and time are bounded by `columns * rows` and the size of `data`: the caller limits them.
    """
    if columns == 0 or rows == 0:
        if data:
            raise WireError(Refusal.MALFORMED, f"{len(data)} bytes for {columns} columns of {rows} rows")
        return [[] for _ in range(columns)]
    bits = _Bits(data)
    complete = bits.take(1) == "1"
    block: list[Column] = []
    for _ in range(columns):
        places = None if complete else _read_presence(bits, rows)
        values = _read_column(bits, rows if places is None else len(places)) if places is None or places else []
        if values and (min(values) < minimum or max(values) > maximum):
            raise WireError(Refusal.OUT_OF_RANGE, f"a value beyond {minimum} or {maximum} in a column")
        block.append(values if places is None else _spread(values, places, rows))
    bits.finish()
    return block


_GROUPS = {f"{value:04b}": value for value in range(16)}


class _Bits:
    """A string of bits that is read from the front."""

    def __init__(self, data: bytes) -> None:
        self.bits = bin(int.from_bytes(b"\1" + data, "big"))[3:]
        self.at = 0

    def take(self, count: int) -> str:
        start = self.at
        self.at = start + count
        if self.at > len(self.bits):
            raise _short()
        return self.bits[start : self.at]

    def number(self) -> int:
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
        code = self.number()
        return code >> 1 ^ -(code & 1)

    def rice(self, count: int) -> list[int]:
        if count == 0:
            return []
        k = self.number()
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
                    naturals[index] += self.number() << k
        return naturals

    def naturals(self, count: int) -> list[int]:
        if self.take(1) == "0":
            return self.rice(count)
        naturals = [0] * count
        rows = self.places(count)
        for row, less_one in zip(rows, self.rice(len(rows)), strict=True):
            naturals[row] = less_one + 1
        return naturals

    def places(self, rows: int) -> list[int]:
        """Ascending row numbers below `rows`."""
        count = self.number()
        if count > rows:
            raise WireError(Refusal.MALFORMED, f"{count} places among {rows} rows in a block")
        places = list(accumulate([gap + 1 for gap in self.rice(count)], initial=-1))[1:]
        if places and places[-1] >= rows:
            raise WireError(Refusal.MALFORMED, f"place {places[-1]} among {rows} rows in a block")
        return places

    def finish(self) -> None:
        rest = self.bits[self.at :]
        if len(rest) > 7 or "1" in rest:
            raise WireError(Refusal.MALFORMED, f"{len(rest)} bits follow the last column of a block")


def _short() -> WireError:
    return WireError(Refusal.MALFORMED, "a block ends before its columns do")


def _read_presence(bits: _Bits, rows: int) -> list[int] | None:
    """The rows that have a value; None where all have."""
    if bits.take(1) == "1":
        return None
    if bits.take(1) == "0":
        return []
    edges = [0, *bits.places(rows), rows]
    return [row for start, end in zip(edges[::2], edges[1::2], strict=False) for row in range(start, end)]


def _spread(values: list[int], places: list[int], rows: int) -> Column:
    column: list[int | None] = [None] * rows
    for row, value in zip(places, values, strict=True):
        column[row] = value
    return column


def _read_column(bits: _Bits, rows: int) -> list[int]:
    kind = 0
    while kind < 3 and bits.take(1) == "0":
        kind += 1
    start = bits.signed()
    if kind == 0:
        return [start] * rows
    if kind == 1:
        return list(accumulate(_unzigzag(bits.naturals(rows - 1)), initial=start))
    if kind == 2:
        if rows == 1:
            raise WireError(Refusal.MALFORMED, "second differences in a column of one row")
        slope = bits.signed()
        slopes = accumulate(_unzigzag(bits.naturals(rows - 2)), initial=slope)
        return list(accumulate(slopes, initial=start))
    return [start + natural for natural in bits.naturals(rows)]


def _unzigzag(codes: list[int]) -> list[int]:
    return [code >> 1 ^ -(code & 1) for code in codes]
