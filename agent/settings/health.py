"""[health]: where the agent says how it is."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import msgspec

from contract.configuration import Keys

STATUS_SOCKET = Path("/run/canlift/status.sock")
_LONGEST_SOCKET = 107
"""Bytes of a socket's path on Linux, without the zero after it."""


class HealthSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    status_socket: Path = STATUS_SOCKET
    """What `canlift-agent status` asks. Its folder must be there: systemd's RuntimeDirectory makes it."""
    metrics: str | None = None
    """A loopback address and port, for Prometheus; None: no metrics."""

    def within(self, folder: Path) -> HealthSettings:
        """With paths relative to `folder`."""
        return msgspec.structs.replace(self, status_socket=folder / self.status_socket)

    def address(self) -> tuple[str, int] | None:
        """Of the metrics. Raises ValueError."""
        return None if self.metrics is None else _loopback(self.metrics)

    def contradictions(self) -> Iterator[tuple[Keys, str]]:
        """What is wrong, with its place below [health]."""
        if len(bytes(self.status_socket)) > _LONGEST_SOCKET:
            yield ("status_socket",), f"a socket's path has at most {_LONGEST_SOCKET} bytes"
        try:
            self.address()
        except ValueError as wrong:
            yield ("metrics",), str(wrong)


def _loopback(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    address = host.removeprefix("[").removesuffix("]")
    wrong = f'expected a loopback address and a port, "127.0.0.1:9184" or "[::1]:9184", found {text!r}'
    try:
        is_loopback = ip_address(address).is_loopback
    except ValueError:
        raise ValueError(wrong) from None
    if not is_loopback or not (port.isascii() and port.isdigit()) or not 0 <= int(port) < 65_536:
        raise ValueError(wrong)
    return address, int(port)
