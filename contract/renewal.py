"""Renewal: the next certificate of a vehicle, by the connection that it has with the present one.

The vehicle makes a new key, which stays on the box, and asks for its certificate:

    1  version              1
    2  request              PKCS #10, DER
    3  serial               of the present certificate, the bytes of X.509's integer
    4  signature            by the key of the present certificate, over the domain, the VIN and the request

The broker has let the vehicle in with its present certificate, and only on its own topic; the signature says the same
to a bridge that does not take the broker's word for it. The answer:

    1  version              1
    2  request              first 8 bytes of the SHA-256 of the request that it answers
    3  certificate          ? X.509, DER
    4  why                  ? why there is none

in canonical CBOR (`contract.wire`). A vehicle that hears nothing asks again, for the same key, and gets the same
certificate.
"""

from __future__ import annotations

import msgspec

from contract import wire
from contract.wire import DIGEST_BYTES, Item, Refusal, WireError

VERSIONS = (1,)
DOMAIN = b"canlift certificate renewal\0"
MAXIMUM_BYTES = 8192
MAXIMUM_SERIAL_BYTES = 20
"""RFC 5280 section 4.1.2.2."""
MAXIMUM_SIGNATURE_BYTES = 512
MAXIMUM_WHY_BYTES = 500
_DEPTH = 1


class RenewalRequest(msgspec.Struct, frozen=True):
    request: bytes
    serial: int
    signature: bytes


class Renewed(msgspec.Struct, frozen=True):
    """One of `certificate` and `why`."""

    request: bytes
    """The digest of what it answers."""
    certificate: bytes | None = None
    why: str | None = None


def signed_content(vin: str, request: bytes) -> bytes:
    return DOMAIN + vin.encode() + request


def encode_request(asked: RenewalRequest) -> bytes:
    serial = asked.serial.to_bytes((asked.serial.bit_length() + 7) // 8 or 1, "big")
    return wire.write({1: 1, 2: asked.request, 3: serial, 4: asked.signature})


def decode_request(payload: bytes) -> RenewalRequest:
    """Raises `WireError`."""
    item = wire.read(payload, MAXIMUM_BYTES, _DEPTH)
    wire.version(item, VERSIONS, "renewal request")
    fields = wire.entries(item, frozenset((1, 2, 3, 4)), frozenset((1, 2, 3, 4)), "renewal request")
    serial = _short(fields[3], MAXIMUM_SERIAL_BYTES, "serial")
    signature = _short(fields[4], MAXIMUM_SIGNATURE_BYTES, "signature")
    return RenewalRequest(wire.octets(fields[2], "request"), int.from_bytes(serial, "big"), signature)


def encode_renewed(renewed: Renewed) -> bytes:
    item: dict[int, Item] = {1: 1, 2: renewed.request}
    if renewed.certificate is not None:
        item[3] = renewed.certificate
    if renewed.why is not None:
        item[4] = renewed.why.encode()[:MAXIMUM_WHY_BYTES].decode(errors="ignore")
    return wire.write(item)


def decode_renewed(payload: bytes) -> Renewed:
    """Raises `WireError`."""
    item = wire.read(payload, MAXIMUM_BYTES, _DEPTH)
    wire.version(item, VERSIONS, "renewal")
    fields = wire.entries(item, frozenset((1, 2)), frozenset((1, 2, 3, 4)), "renewal")
    if (3 in fields) == (4 in fields):
        raise WireError(Refusal.WRONG_TYPE, "renewal: expected a certificate, or why there is none")
    return Renewed(
        wire.octets(fields[2], "request", DIGEST_BYTES),
        wire.octets(fields[3], "certificate") if 3 in fields else None,
        wire.text(fields[4], MAXIMUM_WHY_BYTES, "why") if 4 in fields else None,
    )


def _short(item: Item, maximum_bytes: int, what: str) -> bytes:
    found = wire.octets(item, what)
    if not 1 <= len(found) <= maximum_bytes:
        raise WireError(Refusal.OUT_OF_RANGE, f"{what}: {len(found)} bytes, expected 1 to {maximum_bytes}")
    return found
