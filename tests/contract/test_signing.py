"""Signatures, held against the vectors of RFC 8032, section 7.1."""

from __future__ import annotations

import pytest

from contract.signing import is_signed, key_id, new_private_key, public_key, sign

PRIVATE = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
SIGNATURE = bytes.fromhex(
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
MESSAGE = b"\x72"


def test_a_signature_is_that_of_ed25519_over_the_domain_and_the_content() -> None:
    assert public_key(PRIVATE) == PUBLIC
    assert sign(PRIVATE, b"", MESSAGE) == sign(PRIVATE, MESSAGE, b"") == SIGNATURE
    assert is_signed(PUBLIC, SIGNATURE, b"", MESSAGE)


def test_one_changed_bit_anywhere_is_no_signature() -> None:
    key, signature = new_private_key(), sign(PRIVATE, b"a ", b"content")
    assert is_signed(PUBLIC, signature, b"a ", b"content")
    assert not is_signed(PUBLIC, signature, b"b ", b"content")
    assert not is_signed(PUBLIC, signature, b"a ", b"Content")
    assert not is_signed(PUBLIC, bytes([signature[0] ^ 1]) + signature[1:], b"a ", b"content")
    assert not is_signed(public_key(key), signature, b"a ", b"content")


@pytest.mark.parametrize("size", [0, 31, 33])
def test_what_is_no_key_signs_and_verifies_nothing(size: int) -> None:
    assert not is_signed(bytes(size), SIGNATURE, b"", MESSAGE)
    assert not is_signed(PUBLIC, SIGNATURE[:size], b"", MESSAGE)
    with pytest.raises(ValueError, match="32 bytes"):
        sign(bytes(size), b"", MESSAGE)


def test_the_id_of_a_key_is_the_beginning_of_its_sha_256() -> None:
    assert key_id(bytes(32)).hex() == "66687aadf862bd77"
