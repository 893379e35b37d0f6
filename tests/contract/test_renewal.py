"""Requests for certificates and their answers, on the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import wire
from contract.renewal import (
    MAXIMUM_WHY_BYTES,
    RenewalRequest,
    Renewed,
    decode_renewed,
    decode_request,
    encode_renewed,
    encode_request,
)
from contract.wire import WireError
from tests.contract.drive import schema

octets = st.binary(max_size=2000)


@given(octets, st.integers(0, 2**159), st.binary(min_size=1, max_size=80))
def test_a_request_is_read_as_it_was_written(request: bytes, serial: int, signature: bytes) -> None:
    asked = RenewalRequest(request, serial, signature)
    payload = encode_request(asked)
    assert decode_request(payload) == asked
    schema("renewal-request").validate_cbor(payload)


@given(st.binary(min_size=8, max_size=8), st.one_of(octets, st.text(max_size=100)))
def test_an_answer_is_read_as_it_was_written(digest: bytes, said: bytes | str) -> None:
    answer = Renewed(digest, said) if isinstance(said, bytes) else Renewed(digest, why=said)
    payload = encode_renewed(answer)
    assert decode_renewed(payload) == answer
    schema("renewed").validate_cbor(payload)


def test_a_long_reason_is_cut_off() -> None:
    cut = decode_renewed(encode_renewed(Renewed(bytes(8), why="ä" * 1000))).why
    assert cut == "ä" * (MAXIMUM_WHY_BYTES // 2)


@given(octets)
def test_whatever_comes_is_read_or_refused(payload: bytes) -> None:
    for decode in (decode_request, decode_renewed):
        try:
            decode(payload)
        except WireError:
            continue


@pytest.mark.parametrize(
    "item",
    [
        {1: 1, 2: b"csr", 3: b"", 4: b"s"},
        {1: 1, 2: b"csr", 3: b"1" * 21, 4: b"s"},
        {1: 1, 2: b"csr", 3: b"1", 4: b""},
        {1: 1, 2: b"csr", 3: b"1", 4: b"s" * 513},
        {1: 2, 2: b"csr", 3: b"1", 4: b"s"},
        {1: 1, 2: b"csr", 3: b"1"},
        {1: 1, 2: b"csr" * 4000, 3: b"1", 4: b"s"},
    ],
)
def test_a_request_that_breaks_the_format_is_refused(item: dict[int, wire.Item]) -> None:
    with pytest.raises(WireError):
        decode_request(wire.write(item))


@pytest.mark.parametrize(
    "item", [{1: 1, 2: bytes(8)}, {1: 1, 2: bytes(8), 3: b"x", 4: "y"}, {1: 1, 2: b"short", 3: b"x"}]
)
def test_an_answer_that_breaks_the_format_is_refused(item: dict[int, wire.Item]) -> None:
    with pytest.raises(WireError):
        decode_renewed(wire.write(item))
