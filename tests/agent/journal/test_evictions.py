from __future__ import annotations

from agent.journal.evictions import MOST, Evictions
from agent.journal.segments import Key

BOOT, BY = bytes(16), Key(bytes(range(16)), 0)


def test_neighbours_are_one_however_they_came() -> None:
    evictions = Evictions()
    for sequence in (0, 1, 2):
        evictions.note(Key(BOOT, sequence), "full")
    ((boot, first, last, _),) = evictions.take(BY, 9)
    assert (boot, first, last) == (BOOT, 0, 2)
    assert evictions.count == 3


def test_of_very_many_the_oldest_are_not_named_any_more_after_neighbours_were_joined() -> None:
    evictions = Evictions()
    for sequence in (*range(0, 2 * MOST, 2), 1):
        evictions.note(Key(BOOT, sequence), "full")
    named = evictions.take(BY, 2 * MOST)
    assert (named[0].first, named[0].last, len(named)) == (0, 2, MOST - 1)
    evictions.note(Key(BOOT, 4 * MOST), "full")
    evictions.note(Key(BOOT, 6 * MOST), "full")
    evictions.name_again([BY])
    evictions.note(Key(BOOT, 8 * MOST), "full")
    named = evictions.take(BY, 2 * MOST)
    assert len(named) == MOST
    assert named[0].first > 2
