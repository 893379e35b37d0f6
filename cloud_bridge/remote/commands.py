"""What a vehicle is sent for an action, signed."""

from __future__ import annotations

from hashlib import sha256

from msgspec.structs import replace

from cloud_bridge.actions.life import Phase
from cloud_bridge.remote.control import wanted_by
from cloud_bridge.store.port.remote import RemoteAction
from contract.actions import WakeUp
from contract.command import ID_BYTES, Command, encode_command
from contract.result import Result
from contract.wire import WireError, digest


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


def is_about(result: Result, action: RemoteAction, key: bytes) -> bool:
    """Whether a result that bears the action's id is about the command that was sent for it, and not about a forged or
    damaged one of the same id."""
    if result.message is None:
        return True
    if action.life.phase is Phase.DONE:
        return False  # Nobody knows any more, and nothing changes.
    try:
        sent = command_for(replace(action, life=replace(action.life, phase=Phase.SENDING)), key)
    except WireError:
        return False  # It was never sent.
    return sent is not None and result.message == digest(sent)
