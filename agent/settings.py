"""The agent's settings: `agent.toml`, read whole and checked before anything starts.

    vin, profile, state        which vehicle, what it collects, where the agent keeps what must survive
    [buses.<name>]             a CAN interface for each bus of the profile, opened by python-can
    [gnss]                     the receiver's serial port
    [journal] [uplink]         how much to keep, and where to send it

Paths are relative to the file. `config/agent.toml` shows every key with its default.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

from contract.configuration import ConfigurationError, Document, Duration, Keys
from contract.topics import is_vin

_MQTT_PORT = 1883
_MQTT_TLS_PORT = 8883


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Certificates, PEM files. The vehicle's own is named by its VIN."""

    ca: Path | None = None
    """Who signed the brokers' certificates; the system's authorities when absent."""
    certificate: Path | None = None
    key: Path | None = None


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
    connect_timeout: Duration = Duration(10_000)
    keepalive: Duration = Duration(60_000)
    first_backoff: Duration = Duration(1_000)
    longest_backoff: Duration = Duration(60_000)
    in_flight: int = 32
    """Uploads sent and not yet receipted."""
    in_flight_bytes: int = 1 << 20

    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each broker."""
        default = _MQTT_TLS_PORT if self.tls else _MQTT_PORT
        return tuple(_address(broker, default) for broker in self.brokers)


class JournalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    max_bytes: int = 64 << 20
    """On disk and in memory together; the oldest uploads go first when it is full."""
    segment_bytes: int = 256 << 10
    flush_every: Duration = Duration(10_000)
    """How much a power cut may cost while receipts are late."""


class BusSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A python-can interface."""

    channel: str
    interface: str = "socketcan"
    bitrate: int | None = None
    """Bits per second, for adapters that set it; SocketCAN's is set by the system."""
    fd: bool = False

    def options(self) -> dict[str, int | bool]:
        """What python-can takes besides interface and channel."""
        options: dict[str, int | bool] = {}
        if self.bitrate is not None:
            options["bitrate"] = self.bitrate
        if self.fd:
            options["fd"] = True
        return options


class GnssSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    port: str
    """The serial device that NMEA 0183 sentences come from."""
    baud: int = 9600


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vin: str | None = None
    profile: Path | None = None
    state: Path = Path("/var/lib/canlift")
    """Journal and manifests are kept here."""
    buses: dict[str, BusSettings] = {}
    """By the name that the profile gives the bus."""
    gnss: GnssSettings | None = None
    journal: JournalSettings = JournalSettings()
    uplink: UplinkSettings = UplinkSettings()


def load_settings(path: Path) -> Settings:
    """The settings in a file, paths made relative to it. Raises ConfigurationError with everything that is wrong."""
    document = Document.read(path)
    settings = document.convert(Settings)
    problems = [document.problem(keys, text) for keys, text in _contradictions(settings)]
    if problems:
        raise ConfigurationError(problems)
    folder = path.resolve().parent
    tls = settings.uplink.tls
    if tls is not None:
        tls = Tls(*(file and folder / file for file in (tls.ca, tls.certificate, tls.key)))
    return msgspec.structs.replace(
        settings,
        profile=settings.profile and folder / settings.profile,
        state=folder / settings.state,
        uplink=msgspec.structs.replace(
            settings.uplink,
            tls=tls,
            password_file=settings.uplink.password_file and folder / settings.uplink.password_file,
        ),
    )


def vin_problem(vin: str) -> str | None:
    """Why a text is no VIN; None when it is one."""
    if is_vin(vin):
        return None
    return f"{vin!r} is no VIN: expected 17 characters of A-Z and 0-9 without I, O and Q"


def _contradictions(settings: Settings) -> Iterator[tuple[Keys, str]]:
    if settings.vin is not None and (problem := vin_problem(settings.vin)) is not None:
        yield ("vin",), problem
    uplink = settings.uplink
    if not uplink.brokers:
        yield ("uplink", "brokers"), "at least one broker is needed"
    for index, broker in enumerate(uplink.brokers):
        try:
            _address(broker, _MQTT_PORT)
        except ValueError as wrong:
            yield ("uplink", "brokers", index), str(wrong)
    if uplink.tls is not None and (uplink.tls.certificate is None) != (uplink.tls.key is None):
        yield ("uplink", "tls"), "certificate and key go together: give both or none"
    if uplink.password_file is not None and uplink.user is None:
        yield ("uplink", "password_file"), "a password needs a user"
    for name, value in (("in_flight", uplink.in_flight), ("in_flight_bytes", uplink.in_flight_bytes)):
        if value < 1:
            yield ("uplink", name), f"expected 1 or more, found {value}"
    # MQTT carries the keep-alive in whole seconds, 16 bits.
    if not 1000 <= uplink.keepalive <= 65_535_000:
        yield ("uplink", "keepalive"), f"expected 1 s to 18 h, found {uplink.keepalive}"
    if settings.journal.segment_bytes < 1024:
        yield ("journal", "segment_bytes"), f"expected 1024 or more, found {settings.journal.segment_bytes}"
    if settings.journal.max_bytes < 4 * settings.journal.segment_bytes:
        yield ("journal", "max_bytes"), f"expected four segments or more, found {settings.journal.max_bytes} bytes"


def _address(broker: str, default_port: int) -> tuple[str, int]:
    """`host`, `host:port`, `[IPv6 address]` or `[IPv6 address]:port`. Raises ValueError."""
    host, colon, port = broker.rpartition(":")
    if not colon or broker.endswith("]"):
        host, port = broker, str(default_port)
    bare_ipv6 = ":" in host and not (host.startswith("[") and host.endswith("]"))
    if not host or bare_ipv6 or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65_536:
        raise ValueError(f'expected "host" or "host:port", found {broker!r}')
    return host.removeprefix("[").removesuffix("]"), int(port)
