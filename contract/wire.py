"""What every message of the wire has in common: strict CBOR, a digest, and one error.

A message is one item of canonical CBOR (RFC 8949 section 4.2.3: shortest heads, no indefinite lengths, map keys in
ascending order), so one value has one encoding. Of CBOR's types it uses integers of 64 bits, byte and text strings,
arrays, maps with integer keys, finite floats and null; no tags and no other simple values.

A payload comes from outside. Its size is checked before it is looked at; depth, indefinite lengths, duplicate keys,
tags of every number (by default the decoder would make dates, regular expressions and numbers of any size of them) and
bytes after the item are refused while reading. The functions below check types and ranges. Reading accepts a longer
head than necessary; where the encoding itself counts (a manifest is named by its digest) the reader compares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from enum import StrEnum
from io import BytesIO
from math import isfinite
from typing import Never, TypeAlias

import cbor2

DIGEST_BYTES = 8
_INTEGERS = frozenset((int,))
INTEGER_MINIMUM = -(2**63)
INTEGER_MAXIMUM = 2**64 - 1

Item: TypeAlias = "int | float | str | bytes | list[Item] | dict[int, Item] | None"
"""A value of CBOR as these messages use it."""


class Refusal(StrEnum):
    """Why a message was refused."""

    OVERSIZED = "oversized"
    """Larger than its kind may be, in bytes, rows or samples."""
    MALFORMED = "malformed"
    """Not CBOR as the format uses it, or columns that do not end where they should."""
    TOO_DEEP = "too_deep"
    DUPLICATE_KEY = "duplicate_key"
    WRONG_TYPE = "wrong_type"
    """A value of another type than the format has there, a missing or an unknown key."""
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_MANIFEST = "unknown_manifest"
    """An upload whose manifest is not held, or is another one."""
    VIN_MISMATCH = "vin_mismatch"
    """An upload whose VIN is not the one of its topic."""


class WireError(ValueError):
    """A message that breaks a rule of the format: `reason` for counting, `text` for a person."""

    def __init__(self, reason: Refusal, text: str) -> None:
        super().__init__(f"{reason}: {text}")
        self.reason = reason
        self.text = text


def digest(payload: bytes) -> bytes:
    """The first 8 bytes of the SHA-256 of `payload`."""
    return hashlib.sha256(payload).digest()[:DIGEST_BYTES]


def write(item: Item) -> bytes:
    """The one encoding of `item`."""
    return cbor2.dumps(item, canonical=True)


def read(payload: bytes, maximum_bytes: int, maximum_depth: int) -> Item:
    """The one item that `payload` holds. Raises `WireError` for whatever a message may not hold."""
    if len(payload) > maximum_bytes:
        raise WireError(Refusal.OVERSIZED, f"{len(payload)} bytes, at most {maximum_bytes} are allowed")
    stream = BytesIO(payload)
    try:
        item: Item = cbor2.CBORDecoder(
            stream,
            max_depth=maximum_depth,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            semantic_decoders=_NO_TAGS,
        ).decode()
    except cbor2.CBORError as error:
        raise _refusal(error) from None
    if stream.tell() != len(payload):
        raise WireError(Refusal.MALFORMED, f"{len(payload) - stream.tell()} bytes follow the item")
    return item


def _refuse_tag(*_: object) -> Never:
    raise WireError(Refusal.WRONG_TYPE, "a tag, where the format has none")


class _NoTags(dict[int, Callable[..., Never]]):
    """Stands before the decoder's own table of tags, and has the same answer to all of them."""

    def __missing__(self, tag: int) -> Callable[..., Never]:
        return _refuse_tag


_NO_TAGS = _NoTags()


def _refusal(error: cbor2.CBORError) -> WireError:
    if isinstance(error.__cause__, WireError):
        return error.__cause__
    text = str(error)
    if "Duplicate map key" in text:
        return WireError(Refusal.DUPLICATE_KEY, text)
    if "nesting depth" in text:
        return WireError(Refusal.TOO_DEEP, text)
    return WireError(Refusal.MALFORMED, text)


def entries(item: Item, required: frozenset[int], allowed: frozenset[int], what: str) -> dict[int, Item]:
    """`item` as a map with all `required` keys and none that is not `allowed`."""
    if type(item) is not dict:
        raise WireError(Refusal.WRONG_TYPE, f"{what}: expected a map")
    # 1, 1.0 and true are the same key to a dict.
    if not _INTEGERS.issuperset(map(type, item)):
        raise WireError(Refusal.WRONG_TYPE, f"{what}: a key that is not an integer")
    if not required.issubset(item):
        raise WireError(Refusal.WRONG_TYPE, f"{what}: key {min(required.difference(item))} is missing")
    if not allowed.issuperset(item):
        raise WireError(Refusal.WRONG_TYPE, f"{what}: key {min(item.keys() - allowed)} is unknown")
    return item


def integer(item: Item, minimum: int, maximum: int, what: str) -> int:
    """`item` as an integer in [minimum, maximum]."""
    if type(item) is not int:
        raise WireError(Refusal.WRONG_TYPE, f"{what}: expected an integer")
    if not minimum <= item <= maximum:
        raise WireError(Refusal.OUT_OF_RANGE, f"{what}: {item} is not within {minimum} and {maximum}")
    return item


def number(item: Item, what: str) -> float:
    """`item` as a finite number: a float, or an integer of 64 bits that stays one."""
    if type(item) is float:
        if not isfinite(item):
            raise WireError(Refusal.OUT_OF_RANGE, f"{what}: {item} is not finite")
        return item
    return integer(item, INTEGER_MINIMUM, INTEGER_MAXIMUM, what)


def octets(item: Item, what: str, size: int | None = None) -> bytes:
    """`item` as a byte string, of exactly `size` bytes where that is given."""
    if type(item) is not bytes:
        raise WireError(Refusal.WRONG_TYPE, f"{what}: expected a byte string")
    if size is not None and len(item) != size:
        raise WireError(Refusal.OUT_OF_RANGE, f"{what}: {len(item)} bytes, expected {size}")
    return item


def text(item: Item, maximum_bytes: int, what: str) -> str:
    """`item` as a text of at most `maximum_bytes` in UTF-8."""
    if type(item) is not str:
        raise WireError(Refusal.WRONG_TYPE, f"{what}: expected a text")
    try:
        size = len(item.encode())
    except UnicodeEncodeError:
        raise WireError(Refusal.OUT_OF_RANGE, f"{what}: a lone surrogate, which UTF-8 cannot write") from None
    if size > maximum_bytes:
        raise WireError(Refusal.OUT_OF_RANGE, f"{what}: {size} bytes, at most {maximum_bytes} are allowed")
    return item


def array(item: Item, minimum: int, maximum: int, what: str) -> list[Item]:
    """`item` as an array of `minimum` to `maximum` items."""
    if type(item) is not list:
        raise WireError(Refusal.WRONG_TYPE, f"{what}: expected an array")
    if len(item) > maximum:
        raise WireError(Refusal.OVERSIZED, f"{what}: {len(item)} items, at most {maximum} are allowed")
    if len(item) < minimum:
        raise WireError(Refusal.OUT_OF_RANGE, f"{what}: {len(item)} items, at least {minimum} are expected")
    return item


def row(item: Item, length: int, what: str, optional: int = 0) -> list[Item]:
    """`item` as an array of `length` items, and up to `optional` more."""
    if type(item) is not list:
        raise WireError(Refusal.WRONG_TYPE, f"{what}: expected an array")
    if not length <= len(item) <= length + optional:
        raise WireError(Refusal.WRONG_TYPE, f"{what}: {len(item)} items, expected {length}")
    return item


def version(item: Item, known: Collection[int], what: str) -> int:
    """The version of a message (a map whose key 1 it is), one of those `known`."""
    if type(item) is not dict or 1 not in item:
        raise WireError(Refusal.WRONG_TYPE, f"{what}: expected a map whose key 1 is the version")
    number = item[1]
    if type(number) is not int or number not in known:
        versions = " and ".join(map(str, known))
        raise WireError(Refusal.UNKNOWN_VERSION, f"{what}: version {number!r:.40}, known: {versions}")
    return number
