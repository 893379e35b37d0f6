"""The state of privacy: `None`, `Geolocation` or `Full`, from all who may say so.

Each source says its own word, and the strictest word holds: what one source asked for, another cannot lift.

    bus       a signal of the vehicle's (the profile's [privacy])
    switch    a file that a switch or a program of the box's writes
    command   the cloud

The last word of each source is kept through power cuts, before anything is collected under it. A bus or a switch that
is expected to say something and never did counts as `unknown`, by default the strictest; so does every source while
what was kept cannot be read. A command that was never given is none.

A command is executed once: it bears an id, and ids are kept in the same write as the word. One that has expired is
refused. Where no clock is known, nobody can say whether it has: then a command may make the privacy stricter but not
laxer. So many ids are kept as there is room for, and of more commands the one that expires first is forgotten: from
then on whatever expires no later has expired, whatever the clock says, so that none is executed again.

Where the file is damaged, nobody knows what was executed. Then no command is as long as no clock is known, and once one
is, none that was issued before that, or within `AHEAD_MS` after it: so far the clock may be behind unnoticed. (One of
version 1, which does not say when it was issued, is not executed any more at all.) A clock that is far behind shows by
what was issued later than it says. One that is ahead notes nothing: by it all that comes has expired.

Of commands that come in another order the one that was issued last holds: what was issued before it comes too late. Of
two within one millisecond it is the one that comes last.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

import msgspec

from agent.disk.checked import DamagedError
from agent.privacy.kept import Kept, Obeyed, load, save
from contract.command import AHEAD_MS
from contract.upload import Privacy

log = logging.getLogger(__name__)

_ORDER = (Privacy.NONE, Privacy.GEOLOCATION, Privacy.FULL)
REMEMBERED = 32
"""Commands that were executed."""


class Source(StrEnum):
    BUS = "bus"
    SWITCH = "switch"
    COMMAND = "command"


class Outcome(StrEnum):
    """Of a command."""

    DONE = "done"
    REPEATED = "it was executed before"
    EXPIRED = "it has expired"
    TIMELESS = "the vehicle does not know the time, and so not whether it has expired"
    FORGOTTEN = "what was executed before is not known any more"
    OVERTAKEN = "what was issued later is executed already"


def strictest(*states: Privacy) -> Privacy:
    return max(states, key=_ORDER.index)


def stricter(one: Privacy, other: Privacy) -> bool:
    """Whether `one` keeps back more than `other`."""
    return _ORDER.index(one) > _ORDER.index(other)


class Guard:
    """Call `tick` every second or so: what could not be written is written then."""

    def __init__(self, file: Path | None, expected: Collection[Source] = (), unknown: Privacy = Privacy.FULL) -> None:
        """`expected` are the sources that the settings and the profile name, besides the cloud. Without a file nothing
        outlives this process."""
        self.unwritten = 0
        """Times that the state could not be kept."""
        self._file = file
        self._kept_is_old = False
        try:
            kept = None if file is None else load(file)
        except DamagedError as damaged:
            log.error("privacy: %s; taken for %s until each source says its word again", damaged, unknown.value)
            kept = Kept(words={str(source): unknown for source in {*expected, Source.COMMAND}}, damaged=True)
        kept = kept or Kept()
        words = {name: word for name, word in kept.words.items() if name == Source.COMMAND or name in expected}
        self._unknown = {str(source): unknown for source in expected if source not in words}
        self._kept = msgspec.structs.replace(kept, words=words)
        self.state = self._strictest()

    @property
    def words(self) -> dict[str, Privacy]:
        """What holds of each source."""
        return {**self._unknown, **self._kept.words}

    @property
    def told(self) -> bool:
        """Whether the cloud was told of the state, by an upload in the journal."""
        return self._kept.told is self.state

    def heard(self, source: Source, word: Privacy) -> None:
        """A source says its word."""
        if self._kept.words.get(source) is not word:
            self._take({source: word})

    def command(
        self, identity: str, word: Privacy, issued_utc_ms: int, expires_utc_ms: int, now_utc_ms: int | None
    ) -> Outcome:
        """The cloud says its word. `issued_utc_ms`: 0 where the command does not say."""
        if any(identity == (one if isinstance(one, str) else one.id) for one in self._kept.executed):
            return Outcome.REPEATED
        if max(self._kept.past_utc_ms, now_utc_ms or 0) >= expires_utc_ms:
            return Outcome.EXPIRED
        believed_ms = None if now_utc_ms is None else now_utc_ms + AHEAD_MS
        laxer = stricter(self._kept.words.get(Source.COMMAND, Privacy.NONE), word)
        if (believed_ms is None or issued_utc_ms > believed_ms) and (laxer or self._kept.damaged):
            return Outcome.TIMELESS
        if self._is_forgotten(issued_utc_ms, believed_ms):
            return Outcome.FORGOTTEN
        newest_ms = self._kept.issued_utc_ms
        if believed_ms is not None and newest_ms > believed_ms:
            newest_ms = 0  # By a clock of the cloud's that was wrong, or ours is.
        if 0 < issued_utc_ms < newest_ms:
            return Outcome.OVERTAKEN
        self._kept = msgspec.structs.replace(self._kept, issued_utc_ms=max(newest_ms, issued_utc_ms))
        self._take({Source.COMMAND: word}, Obeyed(identity, expires_utc_ms))
        return Outcome.DONE

    def _is_forgotten(self, issued_utc_ms: int, believed_ms: int | None) -> bool:
        """Whether a command may have been executed before the file was damaged. `believed_ms`: so late it may have been
        issued by the vehicle's clock."""
        kept = self._kept
        if kept.damaged and issued_utc_ms and believed_ms is not None:
            kept = msgspec.structs.replace(kept, damaged=False, issued_after_utc_ms=believed_ms)
            self._keep(kept)
        return kept.damaged or kept.issued_after_utc_ms >= max(issued_utc_ms, 1)

    def tell(self) -> None:
        """The cloud is told of the state: an upload that says so is in the journal."""
        if not self.told:
            self._keep(msgspec.structs.replace(self._kept, told=self.state))

    def tick(self) -> None:
        if self._kept_is_old:
            self._keep(self._kept)

    def _take(self, words: dict[Source, Privacy], obeyed: Obeyed | None = None) -> None:
        said = {str(source): word for source, word in words.items()}
        for source in said:
            self._unknown.pop(source, None)
        kept = self._kept if obeyed is None else _with(self._kept, obeyed)
        self._keep(msgspec.structs.replace(kept, words={**self._kept.words, **said}))
        before, self.state = self.state, self._strictest()
        if before is not self.state:
            log.warning("privacy: %s (before: %s), as %s says", self.state.value, before.value, " and ".join(said))

    def _keep(self, kept: Kept) -> None:
        self._kept = kept
        if self._file is None:
            return
        try:
            save(self._file, kept)
        except OSError as failure:
            self.unwritten += 1
            if not self._kept_is_old:
                log.error("privacy: %s: cannot write: %s; a power cut would undo it", self._file, failure.strerror)
            self._kept_is_old = True
        else:
            self._kept_is_old = False

    def _strictest(self) -> Privacy:
        return strictest(Privacy.NONE, *self.words.values())


def _with(kept: Kept, obeyed: Obeyed) -> Kept:
    executed, past_utc_ms = [*kept.executed, obeyed], kept.past_utc_ms
    while len(executed) > REMEMBERED:
        first = min(executed, key=_expires_utc_ms)
        executed.remove(first)
        past_utc_ms = max(past_utc_ms, _expires_utc_ms(first))
    return msgspec.structs.replace(kept, executed=tuple(executed), past_utc_ms=past_utc_ms)


def _expires_utc_ms(one: Obeyed | str) -> int:
    return 0 if isinstance(one, str) else one.expires_utc_ms
