"""Reading: the shortest Python text that takes a set of bit fields out of a payload.

Two ways, by what they cost. A few fields, each within one byte: index the payload. Anything more: one `struct` call per
byte order fetches cells of 1, 2, 4 or 8 bytes. Fields that share bytes share their cells; where they need another size,
neighbouring cells are joined to a word. What a field then needs is at most a shift, a mask and a sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

import msgspec

from agent.databases.layouts import SignalLayout

INDEXED_FIELDS = 3
"""Up to so many look-ups of a byte are cheaper than one call of `Struct.unpack_from`."""

CELL_CODES = {8: "Q", 4: "I", 2: "H", 1: "B"}


class Reading(msgspec.Struct, frozen=True):
    lines: list[str]
    """Statements to run first, on a local `data`."""
    values: dict[str, str]
    """By signal name, the expression of its raw value; anything but a single operand is in parentheses."""
    namespace: dict[str, object]
    """The globals that the text uses."""


class _Field(msgspec.Struct, frozen=True):
    """The bits of a signal: the bytes it touches, and the bits of these above and below it in its byte order."""

    signal: SignalLayout
    first: int
    last: int
    above: int
    below: int

    @property
    def size(self) -> int:
        return self.last - self.first + 1

    @property
    def fills_signed_cell(self) -> bool:
        """Whether `struct` can give the sign as well, if the field is alone in a cell."""
        return not self.above and not self.below and self.signal.signed and not self.signal.is_float


class _Word(msgspec.Struct, frozen=True):
    """Neighbouring bytes that are read together for the fields in them."""

    first: int
    last: int
    fields: tuple[_Field, ...]


def read_text(signals: Sequence[SignalLayout]) -> Reading:
    """How to read `signals` from a payload that is long enough for all of them."""
    fields = [_field(signal) for signal in signals]
    if len(fields) <= INDEXED_FIELDS and all(field.size == 1 for field in fields):
        return Reading([], {field.signal.name: _indexed(field) for field in fields}, {})
    reading = Reading([], {}, {})
    little = [field for field in fields if field.size > 1 and field.signal.little_endian]
    big = [field for field in fields if field.size > 1 and not field.signal.little_endian]
    # A field within one byte has no byte order: it goes where a call is made anyway.
    single = [field for field in fields if field.size == 1]
    (little if len(little) >= len(big) else big).extend(single)
    if little:
        _unpacked(little, "<", reading)
    if big:
        _unpacked(big, ">", reading)
    return reading


def _field(signal: SignalLayout) -> _Field:
    if signal.little_endian:
        end = signal.start + signal.length
        return _Field(signal, signal.start // 8, (end - 1) // 8, above=-end % 8, below=signal.start % 8)
    above = 7 - signal.start % 8
    end = signal.start // 8 * 8 + above + signal.length
    return _Field(signal, signal.start // 8, (end - 1) // 8, above, below=-end % 8)


def _indexed(field: _Field) -> str:
    return _extracted(f"data[{field.first}]", field, field.above, field.below)


def _extracted(operand: str, field: _Field, above: int, below: int) -> str:
    """The field's raw value, out of an operand that has `above` and `below` bits on its two sides."""
    text = f"{operand} >> {below}" if below else operand
    if above:
        text = f"{text} & {(1 << field.signal.length) - 1}"
    if field.signal.signed and not field.signal.is_float:
        sign = 1 << field.signal.length - 1
        return f"((({text}) ^ {sign}) - {sign})"
    return text if text == operand else f"({text})"


def _unpacked(fields: list[_Field], order: str, reading: Reading) -> None:
    """Add to `reading` one call that fetches the cells of `fields`, and what takes the fields out of them."""
    form, cells, position = order, [], 0
    joins: list[str] = []
    for word in _words(fields):
        if word.first > position:
            form += f"{word.first - position}x"
        position = word.last + 1
        name = f"{'l' if order == '<' else 'b'}{word.first}"
        sizes = _cell_sizes(word.last - word.first + 1)
        native = len(sizes) == 1 and len(word.fields) == 1 and word.fields[0].fills_signed_cell
        form += "".join(CELL_CODES[size].lower() if native else CELL_CODES[size] for size in sizes)
        if len(sizes) == 1:
            cells.append(name)
        else:
            parts = [f"{name}_{number}" for number in range(len(sizes))]
            cells.extend(parts)
            joins.append(f"{name} = {_joined(parts, sizes, order)}")
        for field in word.fields:
            head, tail = 8 * (field.first - word.first), 8 * (word.last - field.last)
            above, below = (tail, head) if order == "<" else (head, tail)
            value = name if native else _extracted(name, field, above + field.above, below + field.below)
            reading.values[field.signal.name] = value
    function = "unpack_little" if order == "<" else "unpack_big"
    reading.namespace[function] = Struct(form).unpack_from
    reading.lines.append(f"{', '.join(cells)}, = {function}(data)")
    reading.lines.extend(joins)


def _words(fields: Sequence[_Field]) -> list[_Word]:
    """Fields gathered by the bytes that they share."""
    words: list[_Word] = []
    for field in sorted(fields, key=lambda field: (field.first, field.last)):
        if words and field.first <= words[-1].last:
            word = words.pop()
            words.append(_Word(word.first, max(word.last, field.last), (*word.fields, field)))
        else:
            words.append(_Word(field.first, field.last, (field,)))
    return words


def _cell_sizes(size: int) -> list[int]:
    sizes = []
    for cell in CELL_CODES:
        count, size = divmod(size, cell)
        sizes.extend([cell] * count)
    return sizes


def _joined(parts: list[str], sizes: list[int], order: str) -> str:
    """The cells of a word as one integer."""
    terms = []
    for number, part in enumerate(parts):
        lift = 8 * (sum(sizes[:number]) if order == "<" else sum(sizes[number + 1 :]))
        terms.append(f"{part} << {lift}" if lift else part)
    return " | ".join(terms)
