"""Addresses of services, as settings write them."""

from __future__ import annotations


def address(text: str, default_port: int) -> tuple[str, int]:
    """`host`, `host:port`, `[IPv6 address]` or `[IPv6 address]:port`. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(default_port)
    bare_ipv6 = ":" in host and not (host.startswith("[") and host.endswith("]"))
    if not host or bare_ipv6 or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65_536:
        range_ = "" if not port.isdigit() or 0 < int(port) < 65_536 else " with a port of 1 to 65535"
        raise ValueError(f'expected "host" or "host:port"{range_}, found {text!r}')
    return host.removeprefix("[").removesuffix("]"), int(port)
