"""The bridge's settings: `bridge.toml`, every key of it, with its default."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from cloud_bridge.services import Service, contradictions
from contract.configuration import ConfigurationError, Document, Duration, Keys

_Name = Annotated[str, Meta(min_length=1)]
SHORTEST, LONGEST = Duration.parse("1d"), Duration.parse("3650d")
"""How long a vehicle's certificate may last."""


class Mqtt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: _Name = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 1883
    protocol: Literal[4, 5] = 5
    """5 is MQTT 5; 4 is MQTT 3.1.1, for brokers that know no better."""
    shared: bool = True
    """Subscribe as a group, so that several bridges share the work. Off for brokers without shared subscriptions."""
    group: _Name = "bridge"
    client_id: _Name = "canlift-bridge"
    """Stable, so that the broker keeps what comes while the bridge is away. Each bridge of a group has its own."""
    session_expiry: Duration = Duration.parse("1d")
    keepalive: Duration = Duration.parse("30s")
    user: str | None = None
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    """Certificates that sign the broker's; the system's own when left out."""
    cert_file: Path | None = None
    key_file: Path | None = None


class Database(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    path: Path = Path("canlift.db")


class ApiTls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Certificates, PEM files: HTTPS without a proxy in front."""

    cert: Path
    key: Path
    client_ca: Path | None = None
    """Who signs the certificates that clients show; without it none is asked for."""
    minimum: Literal["1.2", "1.3"] = "1.3"
    """The oldest version of TLS that is spoken."""


class Api(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: _Name = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    """0: one that is free."""
    public_url: str | None = None
    """What links begin with: the address as clients see it. `http://host:port`, or with https, when left out."""
    tls: ApiTls | None = None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"{'https' if self.tls else 'http'}://{host}:{self.port}").rstrip("/")


class Vehicles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    profiles: Path = Path("vehicles")
    """Folder of vehicle profiles, one `<model>.toml` each. Models that it does not describe are those of canlift."""


class Clock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    trusted: bool = False
    """Tell vehicles the time although the kernel does not know its clock to be synchronised."""


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long things are kept, counted from when they were received."""

    raw: Duration = Duration.parse("62d")
    """What vehicles sent."""
    derived: Duration = Duration.parse("62d")
    """What the API shows. Not shorter: what is derived of what is there would come back with each rebuild."""
    notifications: Duration = Duration.parse("62d")
    """What was delivered or given up, counted from then."""


class Notifications(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How notifications are posted to the targets that clients registered."""

    allow: tuple[str, ...] = ()
    """Networks that are not of the public Internet and may be targets all the same."""
    ca_file: Path | None = None
    """Certificates that sign those of targets, beside the system's own."""
    connect_timeout: Duration = Duration.parse("5s")
    """To resolve a name, and to connect to an address."""
    timeout: Duration = Duration.parse("20s")
    """Of a whole attempt."""

    @property
    def networks(self) -> list[IPv4Network | IPv6Network]:
        """Those of `allow`. Raises ValueError."""
        return [ip_network(network) for network in self.allow]


class Remote(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Remote control of vehicles."""

    wake_ups: Annotated[int, Meta(ge=0)] = 100
    """Of one vehicle in a month (UTC)."""
    wake_command: tuple[str, ...] = ()
    """Wakes up a vehicle whose modem sleeps, as by a short message: a program and its arguments; the VIN comes last."""
    actions_a_minute: Annotated[int, Meta(ge=1)] = 20
    """Of one vehicle."""
    lowest_battery: Annotated[float, Meta(ge=0, le=100)] = 10.0
    """% of the traction battery, below which an electric vehicle that does not charge is spared."""
    reach: Duration = Duration.parse("2min")
    """For a vehicle that sleeps to be heard, and for one that is awake to have what it is sent."""
    answer: Duration = Duration.parse("3min")
    """For a vehicle to say what came of it."""
    callbacks: Annotated[int, Meta(ge=0)] = 100
    """Of a fleet, at most."""
    insecure: bool = False
    """Notifications may go to addresses with `http`: what vehicles are asked, and the secrets of partners, in the
    clear."""


class Monitors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    most: Annotated[int, Meta(ge=0)] = 1000
    """Of a fleet."""
    insecure: bool = False
    """Notifications may go to addresses with `http`: what vehicles do, and the secrets of partners, in the clear."""


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Certificates of vehicles, and the broker that knows them by these."""

    folder: Path = Path("identity")
    """Where the authorities' keys are (`canlift-bridge ca init`)."""
    broker_folder: Path = Path("broker")
    """Where the broker reads its files from: `canlift-bridge broker config` writes them; what is revoked goes there."""
    vehicles_port: Annotated[int, Meta(ge=1, le=65535)] = 8883
    """Of the broker's listener for vehicles; that for the bridge is [mqtt] port."""
    lasts: Duration = Duration.parse("365d")
    """A vehicle's certificate."""
    reload: tuple[str, ...] = ()
    """Has the broker read its files again: a program and its arguments. None where it notices by itself."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Relative paths in the file are relative to the file's folder."""

    mqtt: Mqtt = Mqtt()
    database: Database = Database()
    api: Api = Api()
    vehicles: Vehicles = Vehicles()
    clock: Clock = Clock()
    services: dict[str, Service] = {}
    retention: Retention = Retention()
    remote: Remote = Remote()
    monitors: Monitors = Monitors()
    notifications: Notifications = Notifications()
    identity: Identity = Identity()


def read_settings(path: Path) -> Settings:
    """Raises ConfigurationError naming everything that is wrong with the file."""
    document = Document.read(path)
    settings = document.convert(Settings)
    problems = [document.problem(keys, text) for keys, text in contradictions(settings.services)]
    problems += [document.problem(keys, text) for keys, text in _unusable(settings.mqtt, settings.api)]
    if settings.retention.derived < settings.retention.raw:
        text = f"{settings.retention.derived} is shorter than retention.raw, {settings.retention.raw}"
        problems.append(document.problem(("retention", "derived"), text))
    for index, network in enumerate(settings.notifications.allow):
        try:
            ip_network(network)
        except ValueError as error:
            text = f'expected a network such as "10.1.0.0/16" or "fd00::/8": {error}'
            problems.append(document.problem(("notifications", "allow", index), text))
    if not SHORTEST <= settings.identity.lasts <= LONGEST:
        text = f"expected {SHORTEST} to {LONGEST}, found {settings.identity.lasts}"
        problems.append(document.problem(("identity", "lasts"), text))
    if problems:
        raise ConfigurationError(problems)
    folder = path.parent
    mqtt = settings.mqtt
    return replace(
        settings,
        mqtt=replace(
            mqtt,
            password_file=_below(folder, mqtt.password_file),
            ca_file=_below(folder, mqtt.ca_file),
            cert_file=_below(folder, mqtt.cert_file),
            key_file=_below(folder, mqtt.key_file),
        ),
        api=replace(settings.api, tls=_tls_below(folder, settings.api.tls)),
        database=Database(folder / settings.database.path),
        vehicles=Vehicles(folder / settings.vehicles.profiles),
        identity=replace(
            settings.identity,
            folder=folder / settings.identity.folder,
            broker_folder=folder / settings.identity.broker_folder,
        ),
        notifications=replace(settings.notifications, ca_file=_below(folder, settings.notifications.ca_file)),
    )


def _unusable(mqtt: Mqtt, api: Api) -> Iterator[tuple[Keys, str]]:
    """What no broker could be reached with as it is meant, and no link begin with."""
    if not set(mqtt.group).isdisjoint("/+#"):
        yield ("mqtt", "group"), f"expected a name without '/', '+' and '#', found {mqtt.group!r}"
    if (mqtt.cert_file is None) != (mqtt.key_file is None):
        yield ("mqtt",), "cert_file and key_file go together: give both or none"
    for key in ("ca_file", "cert_file", "key_file"):
        if not mqtt.tls and getattr(mqtt, key) is not None:
            yield ("mqtt", key), "is for TLS alone, and without `tls = true` nothing is encrypted"
            break
    if api.public_url is not None and not _is_address(api.public_url):
        text = f"expected an address as https://api.example.org or https://example.org/cars, found {api.public_url!r}"
        yield ("api", "public_url"), text


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        in_range = parts.port is None or parts.port > 0
    except ValueError:
        return False
    in_full = parts.scheme in ("http", "https") and bool(parts.hostname) and in_range
    return in_full and url.isprintable() and not any(character in url for character in " ?#@")


def _tls_below(folder: Path, tls: ApiTls | None) -> ApiTls | None:
    if tls is None:
        return None
    return replace(tls, cert=folder / tls.cert, key=folder / tls.key, client_ca=_below(folder, tls.client_ca))


def _below(folder: Path, path: Path | None) -> Path | None:
    return None if path is None else folder / path
