"""The list of what is to be watched (`contract.watching`): the newest that the cloud signed, through power cuts.

It comes as a signed command on a topic of its own, retained there, so it comes again and again; only one with a greater
number than the one that is known counts. A list does not expire, and nobody needs to know the time for it. It is on the
disk before it holds, as it came:

    canlift watch 1 <checksum>      `agent.disk.checked`
    the command

and after a start it holds again without a network, as long as the key that signed it is accepted. What became of it is
reported when it has been taken up, and on each connection to a broker that did not know us any more: it may have lost
the list too, and whoever reads the report sees whether it is the newest.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from pathlib import Path

import msgspec

from agent.disk.checked import DamagedError, load_checked, save_checked
from contract.command import Received, Watching, decode_command
from contract.watching import MAXIMUM_SKIPPED, WatchList, WatchReport, decode_list, encode_report
from contract.wire import Refusal, WireError, digest

log = logging.getLogger(__name__)

_TITLE = "canlift watch 1"


class _Held(msgspec.Struct, frozen=True):
    payload: bytes
    """The command, as it came."""
    document: bytes
    watched: WatchList


class Desired:
    """All methods may be called from any thread: that of the uplink receives and reports, the sampling one applies."""

    def __init__(self, vin: str, file: Path, keys: Mapping[bytes, bytes]) -> None:
        """`keys` are the public ones that may sign lists, by their ids. Without what was kept, where that cannot be
        read: the list comes again."""
        self.refused = 0
        """Lists that were none, for another vehicle, or signed by nobody who may."""
        self.unwritten = 0
        """Lists that could not be kept: a power cut would undo them until they come again."""
        self._vin = vin
        self._file = file
        self._keys = keys
        self._lock = threading.Lock()
        self._held = self._load()
        self._to_take = self._held is not None and bool(self._held.watched.conditions)
        self._skipped: tuple[str, ...] = ()
        self._report_due = True
        self._sent: set[int] = set()

    @property
    def watched(self) -> WatchList | None:
        """The list that is known; None: there never was one."""
        held = self._held
        return None if held is None else held.watched

    # The uplink

    def receive(self, payload: bytes) -> bool:
        """A message on the topic of lists; whether there is another list now."""
        held = self._held
        if not payload or (held is not None and payload == held.payload):
            return False
        try:
            received = decode_command(payload)
            new = _read(payload, received)
        except WireError as wrong:
            self._refuse(f"of {len(payload)} bytes cannot be read: {wrong}")
            return False
        if received.command.vin != self._vin:
            self._refuse(f"is for {received.command.vin}, and came to {self._vin}")
        elif received.signature is None or not received.signature.by_one_of(self._keys):
            self._refuse("is signed by none of [commands] keys")
        elif held is not None and new.watched.number <= held.watched.number:
            log.info("a watch list of before (%d) came, %d is known", new.watched.number, held.watched.number)
            self._report_again()
        else:
            self._keep(new)
            return True
        return False

    def reconnected(self, *, remembered: bool) -> None:
        """A new connection; `remembered`: the broker knew us."""
        with self._lock:
            self._report_due = self._report_due or bool(self._sent) or not remembered
            self._sent.clear()

    def report(self) -> bytes | None:
        """What is to be published now, if anything is; until it is `sent`."""
        with self._lock:
            if not self._report_due or self._to_take:
                return None
            held = self._held
            if held is None:
                return encode_report(WatchReport())
            return encode_report(WatchReport(held.watched.number, digest(held.document), self._skipped))

    def sent(self, packet: int) -> None:
        with self._lock:
            self._report_due = False
            self._sent.add(packet)

    def settled(self, packet: int) -> None:
        """The broker has taken it over, or refused it; any packet may be named."""
        with self._lock:
            self._sent.discard(packet)

    def under_way(self) -> int:
        return len(self._sent)

    # Sampling

    def take(self) -> WatchList | None:
        """A list that is to be applied, once."""
        if not self._to_take:
            return None
        with self._lock:
            self._to_take = False
            return self.watched

    def applied(self, skipped: tuple[str, ...]) -> None:
        """The list that was taken holds, but for these data."""
        with self._lock:
            self._skipped = skipped[:MAXIMUM_SKIPPED]
            self._report_due = True

    def _report_again(self) -> None:
        with self._lock:
            self._report_due = True

    def _refuse(self, why: str) -> None:
        self.refused += 1
        log.warning("a watch list %s", why)

    def _keep(self, new: _Held) -> None:
        try:
            save_checked(self._file, _TITLE, new.payload)
        except OSError as failure:
            self.unwritten += 1
            log.error("watch list: %s: cannot write: %s; a power cut would undo it", self._file, failure.strerror)
        with self._lock:
            self._held, self._to_take = new, True
        log.info("watch list %d: %d conditions", new.watched.number, len(new.watched.conditions))

    def _load(self) -> _Held | None:
        try:
            payload = load_checked(self._file, _TITLE)
            if payload is None:
                return None
            received = decode_command(payload)
            held = _read(payload, received)
        except (DamagedError, WireError) as wrong:
            log.error("watch list: %s: %s; nothing is watched until it comes again", self._file, wrong)
            return None
        # It was verified before it was kept: doing so again would load what verifying takes, at each start.
        if received.signature is None or received.signature.key not in self._keys or received.command.vin != self._vin:
            log.warning("watch list: %s is signed by none of [commands] keys any more", self._file)
            return None
        return held


def _read(payload: bytes, received: Received) -> _Held:
    """Raises WireError."""
    body = received.command.body
    if not isinstance(body, Watching):
        raise WireError(Refusal.WRONG_TYPE, "it is another command")
    return _Held(payload, body.document, decode_list(body.document))
