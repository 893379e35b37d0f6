"""What mosquitto needs to know every vehicle by its certificate: its configuration, its access list, and how it is run.

Two listeners, both TLS 1.3 with a certificate asked of whoever connects:

* that of vehicles believes the authority of vehicles. The certificate's name, a VIN, is user name and client id,
  whatever the box says (`use_username_as_clientid`): so a box can neither write to another's topics nor throw another
  one out. What it may read and write is its own subtree, a topic each.
* that of the bridge believes the authority of services, and lets in who is named as the bridge. A bridge has several
  connections, each with a client id of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from cloud_bridge.identity.folder import REVOKED
from cloud_bridge.identity.issuing import BRIDGE_NAME
from contract.topics import FROM_VEHICLE, PREFIX, TO_VEHICLE, topic

CONFIGURATION, ACCESS, RUN = "mosquitto.conf", "access", "run"
BROKER, VEHICLES, SERVICES = "broker", "vehicles.pem", "services.pem"
LARGEST_PACKET = (1 << 20) + 4096
"""Bytes: the largest manifest, and its topic."""
_QUEUED = 100_000


class Ports(NamedTuple):
    vehicles: int
    bridge: int


def configuration(folder: Path, ports: Ports) -> str:
    own = f"certfile {folder / BROKER}.pem\nkeyfile {folder / BROKER}.key\n"
    known = "require_certificate true\nuse_identity_as_username true\ntls_version tlsv1.3\n"
    return f"""# Written by `canlift-bridge broker config`, which overwrites it.
per_listener_settings false
allow_anonymous false
acl_file {folder / ACCESS}
# Vehicles keep what was not receipted: nothing is lost with the broker.
persistence false
persistent_client_expiration 14d
max_packet_size {LARGEST_PACKET}
max_queued_messages {_QUEUED}
log_dest stderr

# Vehicles.
listener {ports.vehicles}
{own}cafile {folder / VEHICLES}
crlfile {folder / REVOKED}
{known}use_username_as_clientid true

# The bridge.
listener {ports.bridge}
{own}cafile {folder / SERVICES}
{known}"""


def access() -> str:
    lines = [
        "# The bridge.",
        f"user {BRIDGE_NAME}",
        f"topic readwrite {PREFIX}/#",
        "",
        "# Each vehicle: its own topics.",
    ]
    lines += [f"pattern write {topic('%u', leaf)}" for leaf in FROM_VEHICLE]
    lines += [f"pattern read {topic('%u', leaf)}" for leaf in TO_VEHICLE]
    return "\n".join([*lines, ""])


def run_script(folder: Path) -> str:
    """For a container, where nobody sends the broker a signal when the list of revoked certificates has changed."""
    watched = " ".join(str(folder / name) for name in (REVOKED, ACCESS, f"{BROKER}.pem", f"{BROKER}.key"))
    return f"""#!/bin/sh
# Runs mosquitto on this folder, and has it read again what `canlift-bridge` changes here.
PATH=$PATH:/usr/sbin:/usr/local/sbin
mosquitto -c {folder / CONFIGURATION} &
broker=$!
trap 'kill -TERM $broker 2>/dev/null' TERM INT
state() {{ cat {watched} 2>/dev/null | cksum; }}
known=$(state)
while kill -0 $broker 2>/dev/null; do
  sleep 1 &
  wait $!
  now=$(state)
  if [ "$now" != "$known" ]; then
    known=$now
    kill -HUP $broker 2>/dev/null
  fi
done
wait $broker
"""
