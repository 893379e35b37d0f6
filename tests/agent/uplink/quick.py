"""What tests of the uplink begin with: settings that are quick to give up, and uploads that are quick to make."""

from __future__ import annotations

import msgspec

from agent.journal.journal import Journal
from agent.journal.segments import Key
from agent.settings.uplink import UplinkSettings
from contract.configuration import Duration
from tests.agent.bridge import plain_payload

VIN = "VR3UPHNKSKT000001"
BOOT = bytes(range(16))
PATIENT = Duration(600_000)
"""For a receipt: nothing is sent twice because the machine is slow, while other time-outs stay quick."""


def settings(*ports: int, **changes: object) -> UplinkSettings:
    quick = UplinkSettings(
        brokers=tuple(f"127.0.0.1:{port}" for port in ports),
        receipt_timeout=Duration(400),
        connect_timeout=Duration(1000),
        first_backoff=Duration(50),
        longest_backoff=Duration(400),
        in_flight=8,
    )
    return msgspec.structs.replace(quick, **changes)


def fill(journal: Journal, sequences: range) -> set[Key]:
    keys = {Key(BOOT, sequence) for sequence in sequences}
    for key in sorted(keys):
        journal.append(key, plain_payload(key))
    return keys
