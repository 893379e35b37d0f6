"""What a vehicle is sent for an action, signed."""

from __future__ import annotations

from hashlib import sha256

from cloud_bridge.actions.life import Phase
from cloud_bridge.remote.control import wanted_by
from cloud_bridge.store.port.remote import RemoteAction
from contract.actions import WakeUp
from contract.command import ID_BYTES, Command, encode_command


def command_for(action: RemoteAction, key: bytes) -> bytes | None:
    """What is to be published in the action's phase; None: nothing. The same id, the same bytes. `key`: the private
    one."""
    life = action.life
    phase = life.phase
    if phase not in (Phase.WAKING, Phase.SENDING, Phase.SENT):
        return None
    wanted = wanted_by(action)
    if wanted is None or wanted.action is None:
        return None
    identity, body = bytes.fromhex(action.id), wanted.action
    if phase is Phase.WAKING and not isinstance(body, WakeUp):
        identity, body = sha256(b"wake up for " + identity).digest()[:ID_BYTES], WakeUp()
    return encode_command(Command(identity, action.vin, life.expires_ms, body, life.issued_ms), key)
