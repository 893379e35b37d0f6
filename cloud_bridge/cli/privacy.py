"""`canlift-bridge privacy`: asks a vehicle to keep more or less to itself, and says what came of it."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from rich.console import Console

from cloud_bridge.remote.sending import send
from cloud_bridge.settings import Mqtt
from contract.command import ID_BYTES, Command
from contract.configuration import Duration
from contract.result import Outcome, Result
from contract.upload import Privacy

_NOT_DONE = {
    Outcome.EXPIRED: "not done: the command came after it had expired",
    Outcome.TIMELESS: (
        "not done yet: the vehicle does not know the time, and so not whether the command has expired; it stays at the"
        " broker, and the vehicle looks at it again when it next connects"
    ),
    Outcome.REFUSED: "not done: the vehicle's settings do not allow it",
    Outcome.UNTRUSTED: "not done: the vehicle accepts another key; see `canlift-bridge remote key`",
    Outcome.FOREIGN: "not done: the vehicle on that topic is another one",
    Outcome.FAILED: "not done: ask again",
}


class NotDoneError(Exception):
    """The vehicle did not do it, or has not said so yet; the text says which."""


def ask_for_privacy(
    settings: Mqtt,
    vin: str,
    privacy: Privacy,
    key: bytes | None,
    *,
    now_ms: int,
    valid: Duration,
    wait: Duration,
    console: Console,
) -> None:
    """`key` signs the command; `valid`: from now to its expiry; `wait`: for an answer. Raises NotDoneError,
    UnsentError, and OSError for files of the broker's credentials."""
    command = Command(secrets.token_bytes(ID_BYTES), vin, now_ms + valid, privacy, now_ms)
    result = send(settings, command, key, valid / 1000, wait / 1000)
    if result is None:
        expires = datetime.fromtimestamp(command.expires_utc_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        raise NotDoneError(
            f"no answer from {vin} within {wait}. The command stays at the broker: if the vehicle is away it obeys when"
            f" it comes back before {expires}, and not after; if its settings do not have [commands] privacy = true it"
            " never does"
        )
    console.print(f"{vin}: {_words(result, privacy)}", markup=False)


def _words(result: Result, privacy: Privacy) -> str:
    if result.outcome in _NOT_DONE:
        raise NotDoneError(_NOT_DONE[result.outcome] + (f" ({result.why})" if result.why else ""))
    return (
        f"done: the cloud's word is {privacy}. Of what its bus, its switch and the cloud say the strictest word holds"
    )
