"""What does not get through goes last and alone, then rarely; and is never forgotten while it is wanted."""

from __future__ import annotations

from agent.journal.segments import Key
from agent.uplink.aside import Aside

UPLOAD = Key(bytes(16), 7)
OTHER = Key(bytes(16), 8)


def test_one_broken_connection_proves_nothing_but_sends_an_upload_to_the_end() -> None:
    aside = Aside(60)
    assert aside.failed(UPLOAD, 100, 0) is None
    assert UPLOAD in aside
    assert aside.due(0) == [UPLOAD]
    assert not aside.is_to_blame(UPLOAD)


def test_what_fails_again_waits_twice_as_long_each_time_up_to_an_hour() -> None:
    aside = Aside(60)
    waits = [aside.failed(UPLOAD, 100, 0) for _ in range(10)]
    assert waits == [None, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert aside.is_to_blame(UPLOAD)
    assert aside.due(3599) == []
    assert aside.due(3600) == [UPLOAD]


def test_what_the_broker_says_it_does_not_take_is_not_tried_there_and_at_once_elsewhere() -> None:
    aside = Aside(60)
    aside.largest_packet = 99
    assert aside.takes(99)
    assert not aside.takes(100)
    assert aside.too_large(UPLOAD, 100)
    assert not aside.too_large(UPLOAD, 100)  # known already
    assert aside.due(1e9) == []
    aside.largest_packet = None
    assert aside.due(0) == [UPLOAD]


def test_what_waits_longest_goes_first_and_what_is_not_wanted_is_forgotten() -> None:
    aside = Aside(60)
    aside.failed(OTHER, 100, 10, alone=True)
    aside.failed(UPLOAD, 100, 0, alone=True)
    assert aside.due(100) == [UPLOAD, OTHER]
    aside.keep(lambda what: what == OTHER)
    assert aside.due(100) == [OTHER]
    aside.through(OTHER)
    assert len(aside) == 0
