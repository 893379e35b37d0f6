"""Healing: DBC text made readable, one statement at a time, and every change reported.

cantools refuses a whole file for one bad statement. Here each statement that breaks the grammar, or speaks of something
that the file does not have, is repaired where its meaning is certain, and left out (quarantined) where it is not. Lines
that are in order come out as they went in, so the rest of the file decodes as it would have.

Names: a character that a DBC identifier cannot have becomes `_`, a name that begins with a digit gets a `_` before it
(`0_COUNTER` is `_0_COUNTER`), and the second signal of one name in a message gets `_2` after it, the third `_3`. Other
statements that use a changed name are changed with it.

What no rule foresees is found by trying: `quarantine` halves a refused file until the refused statements are alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from agent.databases.finding import Action, Finding
from agent.databases.messages import Block, Messages, shown
from agent.databases.references import DEFINITIONS, heal_references, subject
from agent.databases.statements import STRAY, Statement, statements

__all__ = ["Action", "Finding", "Healed", "heal", "quarantine"]

Refuses = Callable[[str], str | None]
"""Why a reader refuses a DBC text; None: it takes it."""


class Healed(msgspec.Struct, frozen=True):
    """A database after healing, still as statements."""

    file: str
    blocks: tuple[Block, ...]
    others: tuple[Statement, ...]
    """What is said about messages and signals, as far as it bears on their layouts."""
    findings: tuple[Finding, ...] = ()
    unassigned_id: int | None = None
    """The id that stands in for that of the message of unassigned signals (`agent.databases.messages.UNASSIGNED`)."""

    @property
    def text(self) -> str:
        return _text([*(line for block in self.blocks for line in block.lines()), *self.others])


def heal(text: str, file: str) -> Healed:
    """Repair or leave out what the rules know of; `file` is the name for the findings."""
    messages = Messages(file)
    references: list[Statement] = []
    for statement in statements(text):
        if statement.keyword == "BO_":
            messages.message(statement)
        elif statement.keyword == "SG_":
            messages.signal(statement)
        elif statement.keyword == STRAY:
            messages.stray(statement)
        else:
            messages.interrupt()
            references.append(statement)
    messages.finish()
    others = heal_references(references, messages)
    findings = sorted(messages.findings, key=lambda finding: finding.line)
    return Healed(file, tuple(messages.blocks), tuple(others), tuple(findings), messages.unassigned_id)


def quarantine(healed: Healed, refuses: Refuses) -> Healed:
    """Leave out the statements for which `refuses` does not take the text, each found alone, by halving.

    With k bad statements that takes some k readings of the whole and k * log2(n) of ever smaller parts.
    """
    while refuses(healed.text) is not None:
        smaller = _without_refused(healed, refuses)
        if len(smaller.findings) == len(healed.findings):
            break
        healed = smaller
    return healed


def _without_refused(healed: Healed, refuses: Refuses) -> Healed:
    messages = Messages(healed.file)
    groups: dict[int | None, _Group] = {None: _Group([])}
    for block in healed.blocks:
        groups.setdefault(block.id, _Group([])).messages.append(block.lines())
    for other in healed.others:
        if other.keyword not in DEFINITIONS:
            number = subject(other)
            groups[number if number in groups else None].about.append(other)
    trial = _Trial(messages, refuses)
    definitions = [other for other in healed.others if other.keyword in DEFINITIONS]
    trial.definitions = trial.readable(definitions, [])
    taken = [*trial.definitions, *trial.readable_groups(list(groups.values()))]
    kept = {id(statement) for statement in taken}
    for block in healed.blocks:
        for name in [name for name, statement in block.signals.items() if id(statement) not in kept]:
            del block.signals[name]
            if block.marks.pop(name, "").endswith("M"):
                messages.leave_out_pages(block, name)
    return replace(
        healed,
        blocks=tuple(block for block in healed.blocks if id(block.statement) in kept),
        others=tuple(other for other in healed.others if id(other) in kept),
        findings=tuple(sorted([*healed.findings, *messages.findings], key=lambda finding: finding.line)),
    )


class _Group(msgspec.Struct, frozen=True):
    """What must be read together: the messages of one id (each with its own line first) and what is said of them."""

    messages: list[list[Statement]]
    about: list[Statement] = msgspec.field(default_factory=list)

    @property
    def lines(self) -> list[Statement]:
        return [*(line for message in self.messages for line in message), *self.about]


class _Trial(msgspec.Struct):
    """Finds the statements that a reader takes, and reports the others with its reason."""

    messages: Messages
    refuses: Refuses
    definitions: list[Statement] = msgspec.field(default_factory=list)
    """Read before every group."""

    def readable_groups(self, groups: Sequence[_Group]) -> list[Statement]:
        lines = [line for group in groups for line in group.lines]
        if self._reason(lines) is None:
            return lines
        if len(groups) == 1:
            return self._readable_group(groups[0])
        middle = len(groups) // 2
        return [*self.readable_groups(groups[:middle]), *self.readable_groups(groups[middle:])]

    def _readable_group(self, group: _Group) -> list[Statement]:
        taken: list[Statement] = []
        for head, *signals in group.messages:
            reason = self._reason([*taken, head])
            if reason is None:
                taken.append(head)
                taken.extend(self.readable(signals, taken))
            else:
                for line in (head, *signals):
                    self.messages.report(line, f"{shown(line)}: message refused: {reason}", "quarantined")
        return [*taken, *self.readable(group.about, taken)]

    def readable(self, lines: Sequence[Statement], before: Sequence[Statement]) -> list[Statement]:
        """Those of `lines`, which follow `before`, that the reader takes."""
        if not lines:
            return []
        reason = self._reason([*before, *lines])
        if reason is None:
            return list(lines)
        if len(lines) == 1:
            self.messages.report(lines[0], f"{shown(lines[0])}: {reason}", "quarantined")
            return []
        middle = len(lines) // 2
        first = self.readable(lines[:middle], before)
        return [*first, *self.readable(lines[middle:], [*before, *first])]

    def _reason(self, lines: Sequence[Statement]) -> str | None:
        return self.refuses(_text([*self.definitions, *lines]))


def _text(parts: Sequence[Statement]) -> str:
    return "\n".join(['VERSION ""', *(part.text for part in parts)]) + "\n"
