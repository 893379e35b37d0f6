"""Messages: healing the `BO_` and `SG_` lines of a DBC file, from which the layouts come."""

from __future__ import annotations

import re
from math import isfinite

import msgspec

from agent.databases.finding import Action, Finding
from agent.databases.statements import Statement

EXTENDED = 0x8000_0000
"""Bit 31 of an id in a DBC file says that the id has 29 bits."""
UNASSIGNED = "VECTOR__INDEPENDENT_SIG_MSG"
"""The message in which Vector's tools park signals of no message; its id is none that a frame can have."""

NUMBER = r"[-+]?\d+\.?\d*(?:[eE][-+]?\d\d?)?"
NAME = r"[A-Za-z_]\w*"
MESSAGE = re.compile(rf"\s*BO_\s+(\d+)\s+({NAME})\s*:\s*(\d+)\s+({NAME})\s*$", re.ASCII)
SIGNAL = re.compile(
    rf"\s*SG_\s+({NAME})(?:\s+(M|m\d+M?))?\s*:\s*\d+\s*\|\s*0*[1-9]\d*\s*@\s*[01]\s*[-+]"
    rf"\s*\(\s*{NUMBER}\s*,\s*{NUMBER}\s*\)\s*\[\s*{NUMBER}\s*\|\s*{NUMBER}\s*\]"
    rf'\s*"[^"]*"\s*{NAME}(?:\s*,\s*{NAME})*\s*$',
    re.ASCII,
)
LOOSE_MESSAGE = re.compile(r"\s*BO_\s+(\d+)\s+(.+?)\s*:\s*(\d+)\s*(.*?)\s*$", re.ASCII)
LOOSE_SIGNAL = re.compile(
    r"\s*SG_\s+(?P<name>.+?)(?:\s+(?P<mark>M|m\d*M?))?\s*:\s*(?P<start>\d+)\s*\|\s*(?P<length>\d+)\s*@\s*(?P<order>[01])"
    r"\s*(?P<sign>[-+])\s*\((?P<scale>[^,()]*),(?P<offset>[^,()]*)\)\s*(?:\[(?P<minimum>[^|\]]*)\|(?P<maximum>[^|\]]*)\])?"
    r'\s*(?:"(?P<unit>[^"]*)")?\s*(?P<receivers>[^"]*)$',
    re.ASCII,
)
PLACE = re.compile(r"\d\s*\|\s*\d+\s*@\s*[01]\s*[-+]", re.ASCII)
SELECTOR_MARK = re.compile(r"\bm?\d*M\s*:", re.ASCII)
LOOSE_NUMBER = re.compile(r"([-+]?)\s*(\d+\.?\d*|\.\d+)((?:[eE][-+]?\d+)?)", re.ASCII)


class Block(msgspec.Struct):
    """A message and its signals, as they will be read."""

    statement: Statement
    id: int
    """As DBC files write it: with the extended flag."""
    name: str
    signals: dict[str, Statement] = msgspec.field(default_factory=dict)
    marks: dict[str, str] = msgspec.field(default_factory=dict)
    """Multiplexer marks (M, m<id>, m<id>M) by signal name."""
    renamed: dict[str, str] = msgspec.field(default_factory=dict)
    """New signal names by the ones in the file."""
    selector_lost: bool = False
    """A multiplexer of the message could not be read."""

    @property
    def selectors(self) -> list[str]:
        return [name for name, mark in self.marks.items() if mark.endswith("M")]

    def lines(self) -> list[Statement]:
        return [self.statement, *self.signals.values()]


class Messages:
    """The messages and signals of one file, healed as they are met."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.blocks: list[Block] = []
        self.findings: list[Finding] = []
        self.ids: dict[int, int] = {}
        """New message ids by the ones in the file."""
        self.unassigned_id: int | None = None
        """The id that stands in for the one of `UNASSIGNED`, a message that cantools would skip."""
        self._block: Block | None = None
        self._apart = False
        self._unreadable_message = False
        self._continued = False
        """Whether the line of the signal before ends with a comma."""

    def report(self, statement: Statement, found: str, action: Action) -> None:
        self.findings.append(Finding(self.file, statement.line, found, action))

    def interrupt(self) -> None:
        """Another kind of statement came: cantools would not take a further signal of the current message."""
        self._apart = True

    def stray(self, statement: Statement) -> None:
        """Text that is no statement.

        It may have been a message, and then the signals after it are not those of the message before. It was none if it
        has the place of a signal in it, or continues the receivers of the signal before it.
        """
        self.report(statement, f"no statement of a DBC file: {shown(statement)}", "quarantined")
        if not PLACE.search(statement.text) and not self._continued:
            self._block = None
            self._unreadable_message = True

    def message(self, statement: Statement) -> None:
        self._apart = False
        self._block = None
        match = MESSAGE.match(statement.text) or LOOSE_MESSAGE.match(statement.text)
        self._unreadable_message = match is None
        if match is None:
            self.report(statement, f"not a message: {shown(statement)}", "quarantined")
            return
        number, name, length, sender = int(match[1]), match[2], match[3], match[4]
        faults = []
        if name == UNASSIGNED:
            self._block = Block(statement, number, name)
            self.blocks.append(self._block)
            return
        usable_name = usable(name)
        if usable_name != name:
            faults.append(f"message {name} is no DBC name, read as {usable_name}")
        if 0x7FF < number < 0x2000_0000:
            self.ids[number] = number | EXTENDED
            faults.append(f"id {number} of message {name} has 29 bits but no extended flag, read as {self.ids[number]}")
        if not re.fullmatch(NAME, sender, re.ASCII):
            faults.append(f"sender of message {name} is {sender or 'missing'}, read as none")
            sender = "Vector__XXX"
        for fault in faults:
            self.report(statement, fault, "repaired")
        number = self.ids.get(number, number)
        if faults:
            statement.text = f"BO_ {number} {usable_name}: {length} {sender}"
        self._block = Block(statement, number, usable_name)
        self.blocks.append(self._block)

    def signal(self, statement: Statement) -> None:
        self._continued = statement.text.rstrip().endswith(",")
        block = self._block
        if block is None:
            why = "its message cannot be read" if self._unreadable_message else "no message before it"
            self.report(statement, f"signal without a message ({why}): {shown(statement)}", "quarantined")
            return
        if self._apart:
            self.report(statement, f"signal apart from its message {block.name}, read as one of it", "repaired")
        match = SIGNAL.match(statement.text)
        if match is not None:
            self._add(block, match[1], match[2] or "", statement)
            return
        fixed = _fixed_signal(statement)
        if isinstance(fixed, str):
            self.report(statement, fixed, "quarantined")
            block.selector_lost |= SELECTOR_MARK.search(statement.text) is not None
            return
        statement.text = fixed.text
        for fault in fixed.faults:
            self.report(statement, fault, "repaired")
        if fixed.written != fixed.name:
            block.renamed.setdefault(fixed.written, fixed.name)
        self._add(block, fixed.name, fixed.mark, statement)

    def _add(self, block: Block, name: str, mark: str, statement: Statement) -> None:
        if name in block.signals:
            count = 2
            while f"{name}_{count}" in block.signals:
                count += 1
            fault = f"second signal {name} in message {block.name}, read as {name}_{count}"
            self.report(statement, fault, "repaired")
            statement.text = re.sub(rf"(SG_\s+){name}\b", rf"\g<1>{name}_{count}", statement.text, count=1)
            name = f"{name}_{count}"
        block.signals[name] = statement
        if mark:
            block.marks[name] = mark

    def finish(self) -> None:
        """What can only be said when all messages are known."""
        taken = {block.id for block in self.blocks}
        for block in self.blocks:
            if block.name == UNASSIGNED:
                self.unassigned_id = next(n for n in range(0x9FFF_FFFF, EXTENDED, -1) if n not in taken)
                self.ids[block.id] = block.id = self.unassigned_id
                block.statement.text = f"BO_ {block.id} {UNASSIGNED}_: 0 Vector__XXX"
            self._check_marks(block)

    def _check_marks(self, block: Block) -> None:
        """A signal on a page of a multiplexer needs to say which page, and the message to have the multiplexer."""
        for name, mark in list(block.marks.items()):
            statement = block.signals[name]
            if block.selectors and mark in {"m", "mM"}:
                self.leave_out(block, name, f"signal {name} has a multiplexer mark {mark} without a value")
            elif block.selector_lost and mark.startswith("m"):
                self.leave_out(block, name, f"signal {name} is on a page of a multiplexer that cannot be read")
            elif not block.selectors:
                fault = f"signal {name} has the mark {mark} but {block.name} no multiplexer, read as a plain signal"
                self.report(statement, fault, "repaired")
                statement.text = re.sub(rf"({name})\s+{mark}\s*:", r"\g<1> :", statement.text, count=1)
                del block.marks[name]

    def leave_out(self, block: Block, name: str, why: str) -> None:
        """Quarantine a signal, and with a multiplexer all that are on its pages."""
        self.report(block.signals.pop(name), why, "quarantined")
        if block.marks.pop(name, "").endswith("M"):
            self.leave_out_pages(block, name)

    def leave_out_pages(self, block: Block, selector: str) -> None:
        """Quarantine the signals that may be on a page of a multiplexer that is left out."""
        for name, mark in list(block.marks.items()):
            if mark.startswith("m") and name in block.signals:
                self.leave_out(block, name, f"signal {name} may be on a page of {selector}, which is left out")


class _Fixed(msgspec.Struct, frozen=True):
    written: str
    """The name in the file."""
    name: str
    mark: str
    text: str
    faults: list[str]


def _fixed_signal(statement: Statement) -> _Fixed | str:
    """A signal put into the grammar, or why it cannot be."""
    match = LOOSE_SIGNAL.match(statement.text)
    if match is None:
        return f"not a signal: {shown(statement)}"
    written, mark = match["name"], match["mark"] or ""
    name = usable(written)
    faults = [] if name == written else [f"signal {written} is no DBC name, read as {name}"]
    if int(match["length"]) == 0:
        return f"signal {name} has a length of 0 bits"
    numbers: dict[str, str] = {}
    for part in ("scale", "offset", "minimum", "maximum"):
        given = (match[part] or "").strip()
        number = _number(given)
        if number is None and part in {"scale", "offset"}:
            return f"signal {name} has a {part} that is no number: {_short(given) or 'none'}"
        if number != given:
            faults.append(f"{part} of signal {name} is {_short(given) or 'missing'}, read as {number or 'none'}")
        numbers[part] = number or "0"
    receivers = [receiver.strip() for receiver in match["receivers"].split(",")]
    known = [receiver for receiver in receivers if re.fullmatch(NAME, receiver, re.ASCII)] or ["Vector__XXX"]
    if known != receivers:
        given = _short(match["receivers"]) or "missing"
        faults.append(f"receivers of signal {name} are {given}, read as {','.join(known)}")
    if match["unit"] is None:
        faults.append(f"unit of signal {name} is missing, read as none")
    text = (
        f" SG_ {name} {mark}{' ' if mark else ''}: {match['start']}|{match['length']}@{match['order']}{match['sign']}"
        f" ({numbers['scale']},{numbers['offset']}) [{numbers['minimum']}|{numbers['maximum']}]"
        f' "{match["unit"] or ""}" {",".join(known)}'
    )
    return _Fixed(written, name, mark, text, faults)


def usable(name: str) -> str:
    """`name` by the rule for names that DBC files cannot have."""
    clean = re.sub(r"\W", "_", name.strip(), flags=re.ASCII)
    return f"_{clean}" if clean[:1].isdigit() else clean


def _number(text: str) -> str | None:
    """`text` as DBC files write numbers; None if it is none, or none that a computer can hold."""
    match = LOOSE_NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, digits, exponent = match.groups()
    number = f"{sign}{'0' if digits.startswith('.') else ''}{digits}{exponent}"
    return number if isfinite(float(number)) else None


def shown(statement: Statement) -> str:
    return _short(statement.text)


def _short(text: str) -> str:
    """What the file says, short enough for one line of a report."""
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}…"
