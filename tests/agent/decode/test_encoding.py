"""What is put into a payload is what is taken out of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.databases.layouts import MessageLayout, SignalLayout
from agent.decode.checksums import KINDS, checksum_checker, checksum_filler
from agent.decode.decoders import raw_decoder
from agent.decode.encoding import raw_of, with_raw


@st.composite
def placed(draw: st.DrawFn) -> tuple[SignalLayout, int]:
    """A signal that fits into eight bytes, and one of its raw values."""
    little, signed, length = draw(st.booleans()), draw(st.booleans()), draw(st.integers(1, 64))
    first = draw(st.integers(0, 64 - length))
    start = first if little else first // 8 * 8 + 7 - first % 8
    low = -(1 << (length - 1)) if signed else 0
    signal = SignalLayout("Signal", start, length, little_endian=little, signed=signed)
    return signal, draw(st.integers(low, low + (1 << length) - 1))


@given(placed(), st.binary(min_size=8, max_size=8))
def test_a_raw_value_that_was_put_in_is_taken_out_and_no_other_bit_has_changed(
    one: tuple[SignalLayout, int], before: bytes
) -> None:
    signal, raw = one
    after = with_raw(before, signal, raw)
    decode = raw_decoder(MessageLayout("Message", 1, False, False, 8, None, (signal,)), ["Signal"])
    assert decode(after) == (raw,)
    changed = int.from_bytes(before, "little") ^ int.from_bytes(after, "little")
    assert changed & ~signal.bits == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("start", "length"), [(24, 8), (28, 4), (0, 4), (9, 2)])
@given(data=st.binary(min_size=4, max_size=8))
def test_a_checksum_that_was_filled_in_is_right(kind: str, start: int, length: int, data: bytes) -> None:
    signal = SignalLayout("Sum", start, length)
    filled = checksum_filler(kind, signal)(data)
    assert checksum_checker(kind, signal)(filled)
    assert checksum_filler(kind, signal)(filled) == filled
    changed = int.from_bytes(data, "little") ^ int.from_bytes(filled, "little")
    assert changed & ~signal.bits == 0


def test_physical_values_and_names_become_raw_ones() -> None:
    signal = SignalLayout("Heat", 0, 8, signed=True, scale=0.5, offset=10, choices={3: "Hot"})
    assert (raw_of(signal, 10), raw_of(signal, 12.3), raw_of(signal, "Hot"), raw_of(signal, -54)) == (0, 5, 3, -128)
    for wrong, complaint in ((74, "takes -54 to 73.5, found 74"), ("Cold", "Heat has no value 'Cold'")):
        with pytest.raises(ValueError, match=complaint):
            raw_of(signal, wrong)


@pytest.mark.parametrize(("data", "raw"), [(bytes(8), 16), (bytes(8), -1), (b"", 1)])
def test_what_does_not_fit_is_refused(data: bytes, raw: int) -> None:
    with pytest.raises(ValueError, match="Signal"):
        with_raw(data, SignalLayout("Signal", 0, 4), raw)
