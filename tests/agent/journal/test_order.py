"""What goes first when there is more to send than the link can take."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.journal.journal import Journal
from agent.journal.pending import Entry, Pending
from agent.journal.segments import Key, Priority
from contract.receipt import Receipt

BOOT = bytes(range(16))
EVENT, STATE, HISTORY = Priority.EVENT, Priority.STATE, Priority.HISTORY


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path, lambda: 0.0, newest_first=True) as journal:
        yield journal


def fill(journal: Journal, *priorities: Priority) -> None:
    for sequence, priority in enumerate(priorities):
        journal.append(Key(BOOT, sequence), bytes(10), priority)


def order(journal: Journal) -> list[int]:
    return [stored.key.sequence for stored in journal.pending(1000)]


def test_events_go_first_then_the_newest_then_states_backwards_then_history_in_order(journal: Journal) -> None:
    fill(journal, HISTORY, STATE, EVENT, HISTORY, STATE, HISTORY, EVENT, HISTORY)
    assert order(journal) == [2, 6, 7, 4, 1, 0, 3, 5]


def test_the_order_is_the_same_after_a_restart(journal: Journal, tmp_path: Path) -> None:
    fill(journal, HISTORY, STATE, EVENT, HISTORY, STATE, HISTORY, EVENT, HISTORY)
    before = order(journal)
    journal.close()
    with Journal(tmp_path, lambda: 0.0, newest_first=True) as reopened:
        assert order(reopened) == before


def test_history_goes_forwards_once_the_newest_has_gone(journal: Journal) -> None:
    fill(journal, *[HISTORY] * 5)
    journal.acknowledge(Receipt(BOOT, (range(4, 5),)))
    assert order(journal) == [0, 1, 2, 3]
    journal.append(Key(BOOT, 5), b"")
    assert order(journal) == [5, 0, 1, 2, 3]


def test_history_goes_on_while_new_uploads_come(journal: Journal) -> None:
    fill(journal, *[HISTORY] * 20)
    sent: list[int] = []
    for sequence in range(20, 31):
        journal.append(Key(BOOT, sequence), b"")
        two = order(journal)[:2]  # As much as the link takes until the next upload is made.
        journal.acknowledge(Receipt(BOOT, tuple(range(each, each + 1) for each in two)))
        sent += two
    assert sent[::2] == list(range(20, 31))
    assert sent[1::2] == list(range(11))


def test_what_does_not_fit_is_not_overtaken(journal: Journal) -> None:
    journal.append(Key(BOOT, 0), bytes(100), EVENT)
    journal.append(Key(BOOT, 1), bytes(10), HISTORY)
    assert journal.pending(9, max_bytes=99) == []
    assert [stored.key.sequence for stored in journal.pending(9, max_bytes=110)] == [0, 1]


def test_a_recording_goes_in_its_order_behind_its_events(tmp_path: Path) -> None:
    with Journal(tmp_path / "replay", lambda: 0.0) as journal:
        fill(journal, HISTORY, STATE, EVENT, HISTORY)
        assert order(journal) == [2, 0, 1, 3]


UPLOADS = st.lists(st.tuples(st.sampled_from(Priority), st.booleans()), max_size=40)
"""Each with whether it has gone already."""


@given(UPLOADS, st.booleans())
def test_whatever_is_pending_goes_exactly_once(uploads: list[tuple[Priority, bool]], newest_first: bool) -> None:
    index = indexed(uploads, newest_first=newest_first)
    found = [key.sequence for key, _, _ in index.in_order()]
    assert sorted(found) == [sequence for sequence, (_, gone) in enumerate(uploads) if not gone]
    assert len(found) == index.count


@given(UPLOADS, st.booleans(), st.sampled_from(Priority))
def test_down_to_a_priority_goes_what_has_it_or_a_higher_one(
    uploads: list[tuple[Priority, bool]], newest_first: bool, least: Priority
) -> None:
    index = indexed(uploads, newest_first=newest_first)
    assert list(index.in_order(least)) == [each for each in index.in_order() if each[2] <= least]


def indexed(uploads: list[tuple[Priority, bool]], *, newest_first: bool) -> Pending:
    index = Pending(newest_first=newest_first)
    for sequence, (priority, _) in enumerate(uploads):
        index.add(Key(BOOT, sequence), Entry(priority, 1, 1))
    for sequence, (_, gone) in enumerate(uploads):
        if gone:
            index.pop(Key(BOOT, sequence))
    return index
