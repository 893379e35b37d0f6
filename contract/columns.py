"""Columns of integers, coded without loss and without any state outside the bytes.

A block holds columns of equal length; how many and how long, the reader knows from elsewhere. It is one string of bits,
filled with zeros to whole bytes, first bit highest. How a column is predicted is the writer's choice.

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

`naturals`, `places` and `signed` are lists and numbers as in `contract.rice`. Columns with missing values are coded as
the values that they have.

Values are integers of at most 66 bits and a sign: raw values of 64 bits, signed or not, and their differences. A block
that ends early, has more bytes than it needs, set bits in its filling, or values beyond the limits is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import sub

from contract.rice import Bits, naturals, places, signed, unzigzag, zigzag
from contract.wire import Refusal, WireError

Column = Sequence[int | None]

VALUE_MAXIMUM = 2**66 - 1
VALUE_MINIMUM = -VALUE_MAXIMUM


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
    return "01" + places(changes)


def _column(values: list[int], least: int, largest: int) -> str:
    if least == largest:
        return "1" + signed(least)
    first = list(map(sub, values[1:], values))
    second = list(map(sub, first[1:], first))
    above = [value - least for value in values]
    # How long the numbers are tells which prediction is best, closely enough and cheaply.
    first_length, second_length = _length(first), _length(second) + 2 * first[0].bit_length()
    plain_length = sum(map(int.bit_length, above))
    if plain_length < first_length and plain_length < second_length:
        return "000" + signed(least) + naturals(above)
    if second_length < first_length:
        return "001" + signed(values[0]) + signed(first[0]) + naturals(zigzag(second))
    return "01" + signed(values[0]) + naturals(zigzag(first))


def _length(differences: list[int]) -> int:
    """Bits that the differences have in all, signs included."""
    return sum(map(int.bit_length, differences)) + len(differences) - differences.count(0)


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
    bits = Bits(data)
    complete = bits.take(1) == "1"
    block: list[Column] = []
    for _ in range(columns):
        present = None if complete else _read_presence(bits, rows)
        values = _read_column(bits, rows if present is None else len(present)) if present is None or present else []
        if values and (min(values) < minimum or max(values) > maximum):
            raise WireError(Refusal.OUT_OF_RANGE, f"a value beyond {minimum} or {maximum} in a column")
        block.append(values if present is None else _spread(values, present, rows))
    bits.finish()
    return block


def _read_presence(bits: Bits, rows: int) -> list[int] | None:
    """The rows that have a value; None where all have."""
    if bits.take(1) == "1":
        return None
    if bits.take(1) == "0":
        return []
    edges = [0, *bits.places(rows), rows]
    return [row for start, end in zip(edges[::2], edges[1::2], strict=False) for row in range(start, end)]


def _spread(values: list[int], present: list[int], rows: int) -> Column:
    column: list[int | None] = [None] * rows
    for row, value in zip(present, values, strict=True):
        column[row] = value
    return column


def _read_column(bits: Bits, rows: int) -> list[int]:
    kind = 0
    while kind < 3 and bits.take(1) == "0":
        kind += 1
    start = bits.signed()
    if kind == 0:
        return [start] * rows
    if kind == 1:
        return list(accumulate(unzigzag(bits.naturals(rows - 1)), initial=start))
    if kind == 2:
        if rows == 1:
            raise WireError(Refusal.MALFORMED, "second differences in a column of one row")
        slope = bits.signed()
        slopes = accumulate(unzigzag(bits.naturals(rows - 2)), initial=slope)
        return list(accumulate(slopes, initial=start))
    return [start + natural for natural in bits.naturals(rows)]
