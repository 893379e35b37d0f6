"""What a vehicle is sent for an action, signed."""

from __future__ import annotations

from hashlib import sha256

from cloud_bridge.remote.control import wanted_by
from cloud_bridge.remote.life import Phase
from cloud_bridge.store.port.remote import RemoteAction
from contract.actions import WakeUp
from contract.command import ID_BYTES, Command, encode_command


def command_for(action: RemoteAction, expires_ms: int, key: bytes) -> bytes | None:
    """What is to be published in the action's phase; None: nothing. The same phase, the same bytes. `key`: the private
    one."""
    phase, since_ms = action.life.phase, action.life.since_ms
    if phase not in (Phase.WAKING, Phase.SENDING, Phase.SENT):
        return None
    wanted = wanted_by(action)
    if wanted is None or wanted.action is None:
        return None
    identity, body = bytes.fromhex(action.id), wanted.action
    if phase is Phase.WAKING and not isinstance(body, WakeUp):
        identity, body = sha256(b"wake up for " + identity).digest()[:ID_BYTES], WakeUp()
    return encode_command(Command(identity, action.vin, expires_ms, body, since_ms), key)
