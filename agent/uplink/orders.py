"""What the cloud asks of the vehicle, between the uplink's thread and who carries it out.

Commands wait here to be taken, results to be published. Nothing of it is kept through a restart: a command that was not
carried out comes again from the broker or from who sent it, and who carries it out knows the ids of those that were.

No result is dropped: the cloud would go on waiting for it. What bounds them is that no more than `MOST` commands are
taken whose outcome has not left yet; others are refused (`TooManyRequestSent`), and may come again. What is answered
without being obeyed, such refusals included, waits apart and in no more room than that: whoever can publish on the
topic can fill it, and then nobody is told.

A vehicle that has keys obeys nothing but what one of them signed. Without any it trusts the broker, and then only with
its privacy. What is not obeyed is answered by the digest of its message: it may bear the id of another command, and of
that one the answer is to say nothing.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from contract.command import Body, Command, Received, Watching, decode_command
from contract.result import Cause, Outcome, Result
from contract.upload import Privacy
from contract.wire import WireError, digest

log = logging.getLogger(__name__)

MOST = 16
"""Commands under way, and answers to what is not obeyed."""


class Orders:
    """All methods may be called from any thread."""

    def __init__(
        self,
        vin: str,
        *,
        privacy: bool = False,
        actions: bool = False,
        keys: Mapping[bytes, bytes] = MappingProxyType({}),
    ) -> None:
        """Which kinds of commands are obeyed; `keys` are the public ones that may sign them, by their ids."""
        self.wanted = privacy or actions
        """Whether there is any use in listening."""
        self.received = 0
        self.unreadable = 0
        """Commands that were none, or for another vehicle."""
        self.untrusted = 0
        """Commands that no accepted key signed."""
        self.dropped = 0
        """Commands that there was no room for, and answers to what is not obeyed that were left out."""
        self._vin = vin
        self._privacy = privacy
        self._actions = actions
        self._keys = keys
        self._lock = threading.Lock()
        self._commands: deque[Command] = deque()
        self._under_way: set[bytes] = set()
        """Ids of commands that were taken over, and whose outcome has not left."""
        self._results: dict[Result, None] = {}
        """The steps and outcomes of these, each once, in their order."""
        self._refusals: deque[Result] = deque()

    def receive(self, payload: bytes) -> None:
        """A message on the command topic."""
        if not payload:
            return  # A retained command was taken back.
        try:
            received = decode_command(payload)
        except WireError as wrong:
            self.unreadable += 1
            log.warning("a command of %d bytes cannot be read: %s", len(payload), wrong)
            return
        command = received.command
        if command.vin != self._vin:
            self.unreadable += 1
            log.warning("a command is for %s, and came to %s", command.vin, self._vin)
            self._refuse(payload, Result(command.id, Outcome.FOREIGN))
            return
        self.received += 1
        if (off := self._off(command.body)) is not None:
            self._refuse(payload, Result(command.id, Outcome.REFUSED, f"{off} is off"))
            return
        if (doubt := self._doubt(received)) is not None:
            self.untrusted += 1
            log.warning("a command is not obeyed: %s", doubt)
            self._refuse(payload, Result(command.id, Outcome.UNTRUSTED, doubt))
            return
        if not self._take_over(command):
            self.dropped += 1
            why = f"{MOST} commands before it are not answered yet"
            self._refuse(payload, Result(command.id, Outcome.FAILED, why, Cause.TOO_MANY))

    def take(self) -> list[Command]:
        """What is to be carried out, oldest first; each is to be answered."""
        with self._lock:
            taken = list(self._commands)
            self._commands.clear()
            return taken

    def answer(self, result: Result) -> None:
        """What came of a command that was taken. Goes out when there is a connection."""
        with self._lock:
            self._results[result] = None

    def results(self) -> list[Result]:
        """What is to be published, oldest first; no longer here."""
        with self._lock:
            taken = [*self._results, *self._refusals]
            self._under_way.difference_update(result.id for result in self._results if result.outcome.final)
            self._results.clear()
            self._refusals.clear()
            return taken

    def _take_over(self, command: Command) -> bool:
        """False where there is no room."""
        with self._lock:
            # One that comes again before it was carried out is one command.
            if command in self._commands:
                return True
            is_new = command.id not in self._under_way
            if len(self._commands) >= MOST or (is_new and len(self._under_way) >= MOST):
                return False
            self._under_way.add(command.id)
            self._commands.append(command)
            return True

    def _refuse(self, payload: bytes, result: Result) -> None:
        """A command that is not obeyed is answered, if there is room for that; but not under the id of one that is, of
        which an older bridge would take it for the outcome."""
        with self._lock:
            if len(self._refusals) < MOST and result.id not in self._under_way:
                self._refusals.append(replace(result, message=digest(payload)))
            else:
                self.dropped += 1

    def _off(self, body: Body) -> str | None:
        """The setting that would have to allow it; None where it does."""
        if isinstance(body, Privacy):
            return None if self._privacy else "[commands] privacy"
        if isinstance(body, Watching):
            return "watching by a command on this topic"
        return None if self._actions else "[remote]"

    def _doubt(self, received: Received) -> str | None:
        """Why nobody knows that the cloud said it; None where that is known, or need not be."""
        if not self._keys and isinstance(received.command.body, Privacy):
            return None
        if received.signature is None:
            return "it bears no signature, and [commands] keys asks for one"
        if received.signature.by_one_of(self._keys):
            return None
        return "none of [commands] keys signed it"
