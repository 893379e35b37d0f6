"""`canlift-agent enroll`: a key for this box, a request for its certificate, and the certificate in its place."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from agent.cli.ending import OK, SETTINGS, UsageError
from agent.identity.asking import IdentityError, as_pem, broker_authority, requested, take
from agent.identity.files import keep, take_up
from agent.settings.agent import load_settings

FAILURES = (IdentityError,)
_LARGEST = 64 * 1024


class _Places(NamedTuple):
    vin: str
    certificate: Path
    key: Path
    authority: Path


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="canlift-agent enroll",
        description="Makes a key and a request for a certificate, for `canlift-bridge vehicle enroll`; then takes the"
        " answer. The key does not leave the box.",
    )
    parser.add_argument("--config", type=Path, default=SETTINGS, help=f"the settings (default: {SETTINGS})")
    either = parser.add_mutually_exclusive_group()
    text = "where the request goes (default: standard output)"
    either.add_argument("--request", type=Path, metavar="FILE", help=text)
    text = "what `canlift-bridge vehicle enroll` answered; - reads standard input"
    either.add_argument("--answer", metavar="FILE", help=text)
    options = parser.parse_args(words)
    places = _places(options.config)
    if options.answer is not None:
        return _take(places, _read(options.answer))
    request = as_pem(requested(places.vin, places.key))
    if options.request is None:
        sys.stdout.write(request.decode())
    else:
        options.request.write_bytes(request)
    return OK


def _take(places: _Places, answer: bytes) -> int:
    authority = broker_authority(answer)
    take(places.vin, places.certificate, places.key, answer, issuer=None)
    keep(places.authority, authority)
    take_up(places.certificate, places.key)
    sys.stdout.write(
        f"{places.certificate}: the certificate of {places.vin} is in place; the agent reads it when it next connects\n"
    )
    return OK


def _places(config: Path) -> _Places:
    settings = load_settings(config)
    tls = settings.uplink.tls
    if settings.vin is None:
        raise UsageError(f"{config}: vin is missing: a certificate is in its name")
    if tls is None or tls.ca is None or tls.certificate is None or tls.key is None:
        raise UsageError(f"{config}: [uplink.tls] has to say where ca, certificate and key are to be")
    return _Places(settings.vin, tls.certificate, tls.key, tls.ca)


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read(_LARGEST)
    with Path(file).open("rb") as opened:
        return opened.read(_LARGEST)
