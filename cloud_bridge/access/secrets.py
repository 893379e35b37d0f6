"""Secrets of API clients: made here, shown once, kept as scrypt (RFC 7914) only.

A stored hash is `scrypt$<log2 N>$<r>$<p>$<salt>$<key>`, salt and key in hexadecimal, so that the cost can be raised for
new secrets while old ones stay valid. With the cost below one check takes some 50 ms and 16 MiB. Every request carries
the secret, so what was found right is remembered (as a keyed digest, in memory only, a few hundred of them); what was
wrong is not. One check runs at a time, a few wait for it, and more are turned away: guessing is slow, takes neither the
machine nor the threads that answer, and does not touch who was found right before. A few who bring what is being
checked wait for that check: a client whose connections all come at once after a restart is none of those turned away.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from concurrent.futures import Future

from cloud_bridge.threads.waiting import before_waiting

_LOG2_N, _R, _P = 14, 8, 1
_SALT_BYTES, _KEY_BYTES = 16, 32
_HIGHEST_LOG2_N = 20
_REMEMBERED = 512
_AT_ONCE = 3
"""Checks running and waiting."""
JOINED = 6
"""Those who wait for a check of the same secret by somebody else."""


class BusyError(Exception):
    """Too many secrets are being checked already."""


def new_secret() -> str:
    """256 random bits, to be shown once."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    salt = secrets.token_bytes(_SALT_BYTES)
    key = _scrypt(secret, salt, _LOG2_N, _R, _P, _KEY_BYTES)
    return f"scrypt${_LOG2_N}${_R}${_P}${salt.hex()}${key.hex()}"


class Verifier:
    """Checks secrets against stored hashes. Safe to call from any thread."""

    def __init__(self) -> None:
        self._process_key = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._checks: dict[bytes, Future[bool]] = {}
        self._joined = 0
        self._remembering = threading.Lock()
        self._admitted = threading.BoundedSemaphore(_AT_ONCE)
        self._checking = threading.Lock()

    def __call__(self, secret: str, stored: str) -> bool:
        """Whether `secret` is the one that `stored` was made from. Raises BusyError instead of waiting for long, and
        WaitError where it may not wait at all."""
        # The hash is of fixed characters, without a null: the two cannot run into one another.
        mark = hmac.digest(self._process_key, f"{stored}\0{secret}".encode("utf-8", "surrogatepass"), "sha256")
        with self._remembering:
            if mark in self._right:
                self._right.move_to_end(mark)
                return True
            before_waiting()
            check = self._checks.get(mark)
            if check is not None:
                if self._joined >= JOINED:
                    raise BusyError
                self._joined += 1
            elif self._admitted.acquire(blocking=False):
                self._checks[mark] = Future()
            else:
                raise BusyError
        return self._run(mark, secret, stored) if check is None else self._join(check)

    def _run(self, mark: bytes, secret: str, stored: str) -> bool:
        right = False
        try:
            with self._checking:
                right = _check(secret, stored)
        finally:
            with self._remembering:
                if right:
                    self._right[mark] = None
                    if len(self._right) > _REMEMBERED:
                        self._right.popitem(last=False)
                self._checks.pop(mark).set_result(right)
            self._admitted.release()
        return right

    def _join(self, check: Future[bool]) -> bool:
        try:
            return check.result()
        finally:
            with self._remembering:
                self._joined -= 1


def _check(secret: str, stored: str) -> bool:
    scheme, *fields = stored.split("$")
    if scheme != "scrypt" or len(fields) != 5:
        return False
    log2_n, r, p = map(int, fields[:3])
    if log2_n > _HIGHEST_LOG2_N:
        return False
    salt, key = map(bytes.fromhex, fields[3:])
    return hmac.compare_digest(_scrypt(secret, salt, log2_n, r, p, len(key)), key)


def _scrypt(secret: str, salt: bytes, log2_n: int, r: int, p: int, length: int) -> bytes:
    octets = secret.encode("utf-8", "surrogatepass")
    memory = 128 * r * (2**log2_n + p + 2)
    return hashlib.scrypt(octets, salt=salt, n=2**log2_n, r=r, p=p, maxmem=2 * memory, dklen=length)
