"""Asking the agent that runs how it is (`canlift-agent status`)."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec

from agent.health.snapshot import FORMAT, Health
from contract.version import VERSION

_TIMEOUT_S = 10.0
_MOST_BYTES = 1 << 20


class NoAnswerError(Exception):
    """There is no snapshot; the text says why and what to do."""


class _Head(msgspec.Struct):
    version: str
    format: int
    error: str | None = None


def ask(path: Path) -> Health:
    """A snapshot of the agent that serves `path`. Raises NoAnswerError."""
    return understood(_said(path), path)


def understood(said: bytes, path: Path) -> Health:
    """What was said as a snapshot. Raises NoAnswerError."""
    try:
        head = msgspec.json.decode(said, type=_Head)
    except msgspec.DecodeError:
        raise NoAnswerError(f"{path}: what answers there is no canlift agent") from None
    if head.format != FORMAT:
        other = f"the agent that runs is canlift {head.version}, this command is {VERSION} and does not understand it"
        raise NoAnswerError(f"{other}: restart the agent, or use the command that was installed with it")
    if head.error is not None:
        raise NoAnswerError(f"{head.error}; systemd restarts it if WatchdogSec is set")
    try:
        return msgspec.json.decode(said, type=Health)
    except msgspec.DecodeError as wrong:
        raise NoAnswerError(
            f"{path}: the agent that runs, canlift {head.version}, is not understood: {wrong}"
        ) from None


def _said(path: Path) -> bytes:
    said = b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(_TIMEOUT_S)
        try:
            asking.connect(str(path))
            while (more := asking.recv(65_536)) and len(said) < _MOST_BYTES:
                said += more
        except (FileNotFoundError, ConnectionRefusedError):
            remedy = "`systemctl status canlift-agent` says why; --config names its settings"
            raise NoAnswerError(f"no agent runs that would answer at {path}: {remedy}") from None
        except PermissionError:
            raise NoAnswerError(
                f"{path}: only the agent's user and group may ask: join the group or use sudo"
            ) from None
        except TimeoutError:
            raise NoAnswerError(f"{path}: the agent did not answer for {_TIMEOUT_S:g} s") from None
        except OSError as error:
            raise NoAnswerError(f"{path}: the agent cannot be asked: {error.strerror or error}") from None
    return said
