"""What was executed, through power cuts: by the id of the command, with what came of it.

    canlift executed 1 <checksum>       `agent.disk.checked`
    {"entries": [{"id": "…", "expires_utc_ms": …, "outcome": 0, "why": "", "cause": null}, …], "past_utc_ms": …, …}

An id is on the disk before anything is done for it, and its outcome when that is known: whatever happens in between, it
is not done a second time. An id without an outcome was interrupted. Ids are kept until their commands have expired, and
of those that are forgotten the latest time is known: what expires before that has expired, whatever the clock says
later. That time is one that the cloud has signed, so a clock of the vehicle's that was wrong silences nothing.

Where the file is damaged, nothing is done that was issued before that was seen, or within `AHEAD_MS` after it: so far
the vehicle's clock may be behind unnoticed. A clock that is ahead then does not prolong that, because by it commands
have expired, and nothing is noted before one comes that has not.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from agent.disk.checked import DamagedError, load_struct, save_checked
from contract.command import AHEAD_MS, Command
from contract.result import Cause, Outcome, Result

log = logging.getLogger(__name__)

MOST = 128
"""Commands that have not expired yet; more are refused."""
_TITLE = "canlift executed 1"
_LONGEST_WHY = 120


class Entry(msgspec.Struct, frozen=True):
    id: str
    expires_utc_ms: int
    outcome: Outcome | None = None
    """None: it has been taken up."""
    why: str = ""
    cause: Cause | None = None

    @property
    def result(self) -> Result | None:
        if self.outcome is None:
            return None
        return Result(bytes.fromhex(self.id), self.outcome, self.why, self.cause)


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    entries: tuple[Entry, ...] = ()
    past_utc_ms: int = 0
    """It has been later than this."""
    damaged: bool = False
    """What was executed is not known, and since when is not known either yet."""
    issued_after_utc_ms: int = 0
    """Only what was issued later is done."""


class Executed:
    """Call `tick` every second or so: what could not be written is written then."""

    def __init__(self, file: Path) -> None:
        self.unwritten = 0
        """Times that it could not be kept."""
        self._file = file
        self._stale = False
        try:
            kept = load_struct(file, _TITLE, _Kept) or _Kept()
        except DamagedError as damaged:
            log.error("remote: %s; nothing is done that was issued before now", damaged)
            kept = _Kept(damaged=True)
        self.interrupted = tuple(entry.id for entry in kept.entries if entry.outcome is None)
        """Ids that were taken up by an earlier start, and of which nobody knows what came."""
        self._kept = kept
        self._by_id = {entry.id: entry for entry in kept.entries}

    def entry(self, identity: bytes) -> Entry | None:
        """None: it is new."""
        return self._by_id.get(identity.hex())

    def void(self, command: Command, now_utc_ms: int) -> str | None:
        """Why a new command is not to be done any more; None where it may be."""
        if max(now_utc_ms, self._kept.past_utc_ms) >= command.expires_utc_ms:
            return "it has expired"
        if self._kept.damaged:
            self._kept = msgspec.structs.replace(self._kept, damaged=False, issued_after_utc_ms=now_utc_ms + AHEAD_MS)
        if command.issued_utc_ms <= self._kept.issued_after_utc_ms:
            return "what was executed before is not known any more: ask again"
        return None

    def begin(self, command: Command, now_utc_ms: int) -> bool:
        """Whether there was room; then it is on the disk. Raises OSError where that is not sure: do nothing then."""
        self._forget_expired(now_utc_ms)
        if len(self._by_id) >= MOST:
            return False
        self._by_id[command.id.hex()] = Entry(command.id.hex(), command.expires_utc_ms)
        self._write()
        return True

    def finish(self, result: Result) -> None:
        """What came of a command that was begun."""
        identity = result.id.hex()
        known = self._by_id[identity]
        why = result.why[:_LONGEST_WHY]
        self._by_id[identity] = Entry(identity, known.expires_utc_ms, result.outcome, why, result.cause)
        self._try_to_write()

    def tick(self) -> None:
        if self._stale:
            self._try_to_write()

    def _forget_expired(self, now_utc_ms: int) -> None:
        ended = (entry for entry in self._by_id.values() if entry.outcome is not None)
        over = [entry for entry in ended if entry.expires_utc_ms <= now_utc_ms]
        if over:
            past_utc_ms = max(self._kept.past_utc_ms, *(entry.expires_utc_ms for entry in over))
            self._kept = msgspec.structs.replace(self._kept, past_utc_ms=past_utc_ms)
            for entry in over:
                del self._by_id[entry.id]

    def _try_to_write(self) -> None:
        try:
            self._write()
        except OSError as failure:
            if not self._stale:
                log.error("remote: %s: cannot be written: %s", self._file, failure.strerror)
            self._stale = True
            self.unwritten += 1
        else:
            self._stale = False

    def _write(self) -> None:
        self._kept = msgspec.structs.replace(self._kept, entries=tuple(self._by_id.values()))
        save_checked(self._file, _TITLE, msgspec.json.encode(self._kept))
