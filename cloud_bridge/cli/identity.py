"""`canlift-bridge ca`, `… broker`, `… vehicle enroll` and `… vehicle revoke`: certificates, and the broker that knows
vehicles by them."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from rich.console import Console

from cloud_bridge.cli.grammar import Actions, Parents, action, group, own_action
from cloud_bridge.cli.usage import UsageError
from cloud_bridge.clock import clock_ms
from cloud_bridge.identity import broker_files, shutting_out
from cloud_bridge.identity.authority import Authority, Purpose, issue, key_pem, new_key, pem
from cloud_bridge.identity.folder import REVOKED, SERVICES, VEHICLES, Folder, write
from cloud_bridge.identity.issuing import SERVICE_LASTS, keep_bridge, make_authorities
from cloud_bridge.mqtt.retained import take_back
from cloud_bridge.settings import Settings
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.errors import RegistryError

_LARGEST_FILE = 1 << 20
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = (
    r"(?=.{1,253}$)([A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*"
)


def add_commands(commands: Actions[argparse.ArgumentParser], parents: Parents) -> None:
    authority = group(commands, "ca", "who signs the certificates of vehicles, brokers and the bridge")
    text = "make the authorities, and the bridge's own certificate, in the folder of [identity]"
    init = own_action(authority, "init", _init, parents.common, text)
    init.add_argument("--name", default="canlift", help="what the authorities are called; %(default)s when left out")

    broker = group(commands, "broker", "mosquitto, which lets vehicles in by their certificates")
    config = action(broker, "config", _configure, parents.common, "write what mosquitto needs into a folder")
    config.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="[identity] broker_folder when left out")
    text = "a name or address that vehicles know the broker by; may be given several times; [mqtt] host is one already"
    config.add_argument("--host", action="append", default=[], metavar="HOST", help=text)


def add_vehicle_commands(vehicle: Actions[argparse.ArgumentParser], parents: Parents) -> None:
    text = "give a vehicle's box its certificate, with what it needs to believe the broker"
    enroll = action(vehicle, "enroll", _enroll, parents.common, text)
    enroll.add_argument("vin", metavar="VIN")
    what = enroll.add_mutually_exclusive_group(required=True)
    text = "what `canlift-agent enroll` made on the box, whose key stays there; - reads standard input"
    what.add_argument("--request", metavar="FILE", help=text)
    what.add_argument("--bundle", type=Path, metavar="DIR", help="make the key here too: for the bench")
    enroll.add_argument("--out", type=Path, metavar="FILE", help="the answer to a request; standard output if left out")
    text = "shut a vehicle out at once: its certificates hold no more, and its connection ends"
    action(vehicle, "revoke", _revoke, parents.common, text).add_argument("vin", metavar="VIN")


def _init(options: argparse.Namespace, settings: Settings, console: Console) -> int:
    folder = Folder(settings.identity.folder)
    if not options.name.strip() or len(options.name) > 40:
        raise UsageError(f"--name {options.name!r}: expected 1 to 40 characters")
    make_authorities(folder, options.name, datetime.now(UTC))
    console.print(f"made in {folder.path}: keep its keys to yourself, and a copy of them", markup=False)
    return 0


def _configure(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    settings, folder = storage.settings, storage.issuer.folder
    target: Path = (options.folder or settings.identity.broker_folder).absolute()
    ports = broker_files.Ports(settings.identity.vehicles_port, settings.mqtt.port)
    if ports.vehicles == ports.bridge:
        raise UsageError(f"[mqtt] port and [identity] vehicles_port are both {ports.bridge}: they are two listeners")
    for host in options.host:
        if not _is_host(host):
            raise UsageError(f"--host {host!r}: expected a name such as mqtt.example.org, or an address")
    services, now = folder.authority(SERVICES), datetime.now(UTC)
    storage.issuer.publish()
    target.mkdir(parents=True, exist_ok=True)
    keep_bridge(folder, services, now)
    _write_broker(target, services, now, [settings.mqtt.host, *options.host])
    for name, of in ((broker_files.VEHICLES, VEHICLES), (broker_files.SERVICES, SERVICES)):
        write(target / name, pem(folder.certificate(of)))
    write(target / REVOKED, (folder.path / REVOKED).read_bytes())
    write(target / broker_files.CONFIGURATION, broker_files.configuration(target, ports).encode())
    write(target / broker_files.ACCESS, broker_files.access().encode())
    write(target / broker_files.RUN, broker_files.run_script(target).encode())
    run = shlex.join(("sh", str(target / broker_files.RUN)))
    console.print(f"written to {target}; run mosquitto with: {run}", markup=False)
    if target != settings.identity.broker_folder.absolute():
        console.print(f'what is revoked gets there with broker_folder = "{target}" in [identity]', markup=False)
    return 0


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return len(text) <= 253 and re.fullmatch(rf"{_LABEL}(\.{_LABEL})*", text) is not None
    return True


def _write_broker(target: Path, services: Authority, now: datetime, hosts: list[str]) -> None:
    key, names = new_key(), list(dict.fromkeys(hosts))
    certificate = issue(services, key.public_key(), "canlift-broker", Purpose.BROKER, now, SERVICE_LASTS, names)
    write(target / f"{broker_files.BROKER}.key", key_pem(key), private=True)
    write(target / f"{broker_files.BROKER}.pem", pem(certificate))


def _enroll(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    vin: str = options.vin.upper()
    _expect_registered(storage, vin)
    issuer = storage.issuer
    if options.bundle is not None:
        if options.out is not None:
            raise UsageError("--out is where the answer to a request goes; a bundle goes into its folder")
        folder: Path = options.bundle
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        certificate, key = issuer.bundle(vin)
        write(folder / "vehicle.key", key_pem(key), private=True)
        write(folder / "vehicle.issuer.pem", pem(issuer.folder.certificate(VEHICLES)))
        write(folder / "ca.pem", pem(issuer.folder.certificate(SERVICES)))
        write(folder / "vehicle.pem", pem(certificate))
        console.print(
            f"vehicle {vin}: {folder} is for [uplink.tls] of agent.toml; its key is on no other box", markup=False
        )
        return 0
    answer = pem(issuer.enroll(vin, _read(options.request))) + issuer.chain()
    if options.out is None:
        console.out(answer.decode(), end="", highlight=False)
        return 0
    write(options.out, answer)
    console.print(f"vehicle {vin}: bring {options.out} to the box, to `canlift-agent enroll --answer`", markup=False)
    return 0


def _revoke(options: argparse.Namespace, storage: Storage, console: Console) -> int:
    vin: str = options.vin.upper()
    _expect_registered(storage, vin)
    settings, issuer = storage.settings, storage.issuer
    revoked = storage.identities.revoke(vin, clock_ms())
    if not storage.identities.of(vin):
        raise RegistryError(f"vehicle {vin} has no certificate: `canlift-bridge vehicle enroll` gives it one")
    console.print(
        f"vehicle {vin}: {revoked} certificates are revoked, the bridge takes nothing from it any more", markup=False
    )
    probe = issuer.probe()
    issuer.publish()
    shutting_out.reload(settings.identity.reload)
    shutting_out.await_refusal(settings.mqtt, settings.identity.vehicles_port, probe)
    shutting_out.disconnect(settings.mqtt, vin)
    take_back(settings.mqtt, vin)
    console.print("the broker refuses it too, has ended its connection, and keeps nothing for it", markup=False)
    return 0


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read(_LARGEST_FILE)
    with Path(file).open("rb") as opened:
        return opened.read(_LARGEST_FILE)


def _expect_registered(storage: Storage, vin: str) -> None:
    if storage.registry.vehicle(vin) is None:
        raise RegistryError(f"not registered: {vin}; see `canlift-bridge vehicle add`")
