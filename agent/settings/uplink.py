"""[uplink]: where uploads go, and how."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from agent.settings.address import address
from contract.configuration import Duration, Keys

_MQTT_PORT = 1883
_MQTT_TLS_PORT = 8883
LEAST_BUDGET_BYTES = 100_000
"""Connections alone need some kilobytes each."""


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Certificates, PEM files. The vehicle's own is named by its VIN."""

    ca: Path | None = None
    """Who signed the brokers' certificates; the system's authorities when absent."""
    certificate: Path | None = None
    key: Path | None = None
    minimum: Literal["1.2", "1.3"] = "1.3"
    """The oldest version of TLS that is spoken."""


class Budget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may go over a metered line in a calendar day and month of UTC, up and down, in bytes of IP packets."""

    day_bytes: int | None = None
    month_bytes: int | None = None


class UplinkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    brokers: tuple[str, ...] = ("127.0.0.1:1883",)
    """`host` or `host:port`, tried in turn."""
    protocol: Literal[4, 5] = 5
    """MQTT 5, or 4 for MQTT 3.1.1."""
    user: str | None = None
    password_file: Path | None = None
    """The password is its first line."""
    tls: Tls | None = None
    receipt_timeout: Duration = Duration(30_000)
    """An upload without a receipt is sent again after this time."""
    connect_timeout: Duration = Duration(30_000)
    """For each of TCP, TLS, CONNECT and SUBSCRIBE. Where there and back takes 4 s and a fifth of the packets is lost,
    10 s were enough for 3 of 20 connections, 30 s for 16."""
    keepalive: Duration = Duration(60_000)
    first_backoff: Duration = Duration(1_000)
    longest_backoff: Duration = Duration(60_000)
    in_flight: int = 32
    """Uploads sent and not yet receipted."""
    in_flight_bytes: int = 1 << 20
    budget: Budget = Budget()

    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each broker."""
        default = _MQTT_TLS_PORT if self.tls else _MQTT_PORT
        return tuple(address(broker, default) for broker in self.brokers)

    def within(self, folder: Path) -> UplinkSettings:
        """With its paths, which are relative to `folder`, absolute."""
        tls = self.tls
        if tls is not None:
            ca, certificate, key = (file and folder / file for file in (tls.ca, tls.certificate, tls.key))
            tls = Tls(ca, certificate, key, tls.minimum)
        return msgspec.structs.replace(self, tls=tls, password_file=self.password_file and folder / self.password_file)

    def contradictions(self) -> Iterator[tuple[Keys, str]]:
        """What is wrong, with its place below [uplink]."""
        if not self.brokers:
            yield ("brokers",), "at least one broker is needed"
        for index, broker in enumerate(self.brokers):
            try:
                address(broker, _MQTT_PORT)
            except ValueError as wrong:
                yield ("brokers", index), str(wrong)
        if self.tls is not None and (self.tls.certificate is None) != (self.tls.key is None):
            yield ("tls",), "certificate and key go together: give both or none"
        if self.password_file is not None and self.user is None:
            yield ("password_file",), "a password needs a user"
        for name, value in (("in_flight", self.in_flight), ("in_flight_bytes", self.in_flight_bytes)):
            if value < 1:
                yield (name,), f"expected 1 or more, found {value}"
        for name, limit in (("day_bytes", self.budget.day_bytes), ("month_bytes", self.budget.month_bytes)):
            if limit is not None and limit < LEAST_BUDGET_BYTES:
                yield ("budget", name), f"expected {LEAST_BUDGET_BYTES} or more, found {limit}"
        # MQTT carries the keep-alive in whole seconds, 16 bits.
        if not 1000 <= self.keepalive <= 65_535_000:
            yield ("keepalive",), f"expected 1 s to 18 h, found {self.keepalive}"
