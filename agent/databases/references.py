"""References: healing what a DBC file says about its messages and signals.

Value names, value types, multiplexer values, comments and attributes name a message by its id and a signal by its name.
They follow the ids and names that healing changed, and are left out where they speak of what the file does not have:
cantools refuses a file for some of these and ignores others.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from agent.databases.messages import Block, Messages, shown
from agent.databases.statements import Statement

WORD = r'[^\s:;"]+'
STRING = r'"(?:\\"|[^"])*"'
VALUE_NAMES = re.compile(rf"\s*VAL_\s+(\d+)\s+({WORD})\s*(.*?)\s*;\s*$", re.DOTALL)
VALUE_NAMES_OF_A_VARIABLE = re.compile(r"\s*VAL_\s+[A-Za-z_]")
PAIRS = re.compile(rf"(?:\s*[-+]?\d+\s*{STRING})*", re.DOTALL)
LOOSE_PAIR = re.compile(rf"([-+]?\d+)(?:\.0*)?\s*({STRING})", re.DOTALL)
VALUE_TYPE = re.compile(rf"\s*SIG_VALTYPE_\s+(\d+)\s+({WORD})\s*(:?)\s*(\d+)\s*;\s*$")
PAGES = re.compile(rf"\s*SG_MUL_VAL_\s+(\d+)\s+({WORD})\s+({WORD})\s+(\d+\s*-\s*\d+(?:\s*,\s*\d+\s*-\s*\d+)*)\s*;\s*$")
COMMENT = re.compile(r"\s*CM_\s*(SG_|BO_|BU_|EV_)?([^\"]*)\"(.*)$", re.DOTALL)
ATTRIBUTE = re.compile(rf"(\s*BA_\s*({STRING})\s*)(?:BO_\s+(\d+)|SG_\s+(\d+)\s+({WORD}))?(.*)$", re.DOTALL)
ATTRIBUTE_DEFINITION = re.compile(rf"\s*BA_DEF_\s*(?:(?:SG_|BO_|BU_|EV_)\s*)?({STRING})")

USED = frozenset({"VAL_", "SIG_VALTYPE_", "SG_MUL_VAL_", "CM_", "BA_", "BA_DEF_", "BA_DEF_DEF_"})
"""The others (nodes, senders, variables, groups, relations) say nothing about how a payload is read."""

SUBJECTS = {"SG_": "signal", "BO_": "message", "BU_": "node", "EV_": "variable", "": "the bus"}
"""What comments are on."""
LENGTH = re.compile(r":\s*\d+\s*\|\s*(\d+)\s*@")
FLOAT_TYPES = ("1", "2")
"""Of SIG_VALTYPE_: IEEE 754 numbers of single and of double precision."""
FLOAT_LENGTHS = (16, 32, 64)
DEFINITIONS = frozenset({"BA_DEF_", "BA_DEF_DEF_"})
"""What the attributes of all messages need."""
SUBJECT = re.compile(
    rf"\s*(?:(?:VAL_|SIG_VALTYPE_|SG_MUL_VAL_)\s+|CM_\s+(?:SG_|BO_)\s+|BA_\s*{STRING}\s*(?:SG_|BO_)\s+)(\d+)"
)


def subject(statement: Statement) -> int | None:
    """The id of the message that a statement is about; None for the bus, nodes and definitions."""
    match = SUBJECT.match(statement.text)
    return int(match[1]) if match else None


def heal_references(statements: Sequence[Statement], messages: Messages) -> list[Statement]:
    """The statements to read, healed; what was done is reported to `messages`."""
    references = _References(statements, messages)
    kept = [statement for statement in statements if statement.keyword in USED and references.heal(statement)]
    references.leave_out_pageless_signals()
    return kept


class _References:
    def __init__(self, statements: Sequence[Statement], messages: Messages) -> None:
        self._messages = messages
        self._blocks: dict[int, list[Block]] = defaultdict(list)
        for block in messages.blocks:
            self._blocks[block.id].append(block)
        definitions = (ATTRIBUTE_DEFINITION.match(statement.text) for statement in statements)
        self._attributes = {definition[1] for definition in definitions if definition}
        self._paged: set[tuple[int, str]] = set()
        """Signals, by message id and name, of which SG_MUL_VAL_ says the multiplexer."""
        self._healers = {
            "VAL_": self._value_names,
            "SIG_VALTYPE_": self._value_type,
            "SG_MUL_VAL_": self._pages,
            "CM_": self._comment,
            "BA_": self._attribute,
        }

    def heal(self, statement: Statement) -> bool:
        """Whether the statement is to be read; its text may have changed."""
        if not statement.complete and statement.keyword != "CM_":
            statement.text = statement.text.rstrip() + ";"
            self._repaired(statement, f"no semicolon after {shown(statement)}")
        healer = self._healers.get(statement.keyword)
        fault = healer(statement) if healer else None
        if fault:
            self._messages.report(statement, fault, "quarantined")
        return fault is None

    def leave_out_pageless_signals(self) -> None:
        """With several multiplexers in a message, a mark `m<id>` alone does not say which of them is meant."""
        for block in self._messages.blocks:
            if len(block.selectors) > 1:
                for name, mark in list(block.marks.items()):
                    if mark.startswith("m") and (block.id, name) not in self._paged and name in block.signals:
                        why = f"signal {name} does not say which multiplexer of {block.name} it is on (no SG_MUL_VAL_)"
                        self._messages.leave_out(block, name, why)

    def _repaired(self, statement: Statement, found: str) -> None:
        self._messages.report(statement, found, "repaired")

    def _signal(self, number: str, name: str) -> tuple[int, str] | None:
        """The id and name that a signal has after healing; None: the file has no such signal."""
        id_ = self._messages.ids.get(int(number), int(number))
        for block in self._blocks.get(id_, ()):
            new = block.renamed.get(name, name)
            if new in block.signals:
                return id_, new
        return None

    def _length(self, signal: tuple[int, str]) -> int:
        """Bits of a signal that the file has."""
        id_, name = signal
        lines = (block.signals[name].text for block in self._blocks[id_] if name in block.signals)
        return next(int(match[1]) for line in lines if (match := LENGTH.search(line)))

    def _follow(self, statement: Statement, number: str, name: str, signal: tuple[int, str]) -> None:
        """Put the message id and signal name of after healing into the statement."""
        id_, new = signal
        if str(id_) != number or new != name:
            written = rf"\b{number}(\s+){re.escape(name)}(?!\w)"
            statement.text = re.sub(written, rf"{id_}\g<1>{new}", statement.text, count=1)
            if new != name:
                self._repaired(statement, f"speaks of signal {name}, read as {new}")

    def _value_names(self, statement: Statement) -> str | None:
        match = VALUE_NAMES.match(statement.text)
        if match is None:
            if VALUE_NAMES_OF_A_VARIABLE.match(statement.text):
                return None
            return f"not a list of value names: {shown(statement)}"
        number, name, body = match.groups()
        signal = self._signal(number, name)
        if signal is None:
            return f"value names for a signal that the file does not have: message {number}, {name}"
        if not PAIRS.fullmatch(body):
            pairs = LOOSE_PAIR.findall(body)
            if not pairs:
                return f"not a list of value names: {shown(statement)}"
            readable = ", ".join(raw for raw, _ in pairs)
            self._repaired(statement, f"value names of {name} are damaged, read are those for {readable}")
            statement.text = f"VAL_ {number} {name} {' '.join(f'{raw} {text}' for raw, text in pairs)} ;"
        self._follow(statement, number, name, signal)
        return None

    def _value_type(self, statement: Statement) -> str | None:
        match = VALUE_TYPE.match(statement.text)
        if match is None:
            return f"not a value type: {shown(statement)}"
        number, name, colon, kind = match.groups()
        signal = self._signal(number, name)
        if signal is None:
            return f"value type for a signal that the file does not have: message {number}, {name}"
        if kind in FLOAT_TYPES and (bits := self._length(signal)) not in FLOAT_LENGTHS:
            fault = (
                f"{name} is to be a floating-point number of {bits} bits; expected {', '.join(map(str, FLOAT_LENGTHS))}"
            )
            for block in self._blocks[signal[0]]:
                if signal[1] in block.signals:
                    self._messages.leave_out(block, signal[1], fault)
            return fault
        if not colon:
            self._repaired(statement, f"value type of {name} has no colon")
            statement.text = f"SIG_VALTYPE_ {number} {name} : {kind};"
        self._follow(statement, number, name, signal)
        return None

    def _pages(self, statement: Statement) -> str | None:
        match = PAGES.match(statement.text)
        if match is None:
            return f"not a list of multiplexer values: {shown(statement)}"
        number, name, selector, ranges = match.groups()
        signal, multiplexer = self._signal(number, name), self._signal(number, selector)
        if signal is None or multiplexer is None:
            missing = selector if signal else name
            return f"multiplexer values for a signal that the file does not have: message {number}, {missing}"
        self._paged.add(signal)
        if (str(signal[0]), signal[1], multiplexer[1]) != (number, name, selector):
            statement.text = f"SG_MUL_VAL_ {signal[0]} {signal[1]} {multiplexer[1]} {ranges};"
        return None

    def _comment(self, statement: Statement) -> str | None:
        match = COMMENT.match(statement.text)
        if match is None:
            return f"not a comment: {shown(statement)}"
        kind, subject, rest = match[1] or "", match[2].split(), match[3].rstrip()
        closed = rest.removesuffix(";").rstrip()
        faults = [] if rest.endswith(";") else ["no semicolon"]
        if not closed.endswith('"') or closed.endswith('\\"'):
            faults.append("no closing quote")
        body = closed.removesuffix('"')
        if re.search(r'(?<!\\)"', body):
            faults.append("quotes in its text")
            body = re.sub(r'(?<!\\)"', r'\\"', body)
        count = {"SG_": 2, "BO_": 1, "BU_": 1, "EV_": 1, "": 0}[kind]
        if kind in {"SG_", "BO_", ""} and len(subject) == 1 != count and subject[0].isdigit():
            faults.append("no signal name" if kind else "no type")
            kind = "BO_"
        elif len(subject) != count or (kind in {"SG_", "BO_"} and not subject[0].isdigit()):
            return f"not a comment: {shown(statement)}"
        if kind == "SG_":
            signal = self._signal(subject[0], subject[1])
            if signal is None:
                return f"comment on a signal that the file does not have: message {subject[0]}, {subject[1]}"
            if signal[1] != subject[1]:
                faults.append(f"signal {subject[1]} is read as {signal[1]}")
            subject = [str(signal[0]), signal[1]]
        elif kind == "BO_":
            subject = [str(self._messages.ids.get(int(subject[0]), int(subject[0])))]
        if faults:
            on = f"{SUBJECTS[kind]} {' '.join(subject)}".strip()
            self._repaired(statement, f"comment with {' and '.join(faults)}, read as one on {on}")
        statement.text = f'CM_ {" ".join([kind, *subject]).strip()} "{body}";'
        return None

    def _attribute(self, statement: Statement) -> str | None:
        match = ATTRIBUTE.match(statement.text)
        if match is None:
            return f"not an attribute: {shown(statement)}"
        head, attribute, message, signals_message, name, value = match.groups()
        if attribute not in self._attributes:
            return f"attribute {attribute} is used but not defined"
        if message and int(message) in self._messages.ids:
            statement.text = f"{head}BO_ {self._messages.ids[int(message)]}{value}"
        signal = self._signal(signals_message, name) if name else None
        if signal and (str(signal[0]), signal[1]) != (signals_message, name):
            statement.text = f"{head}SG_ {signal[0]} {signal[1]}{value}"
        return None
