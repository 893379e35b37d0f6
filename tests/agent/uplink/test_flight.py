"""When an upload in flight is sent again: after a timeout while the bridge speaks, sparingly while it does not."""

from __future__ import annotations

import pytest

from agent.journal.segments import Key
from agent.uplink.flight import Flight

BOOT = bytes(16)
TIMEOUT_S = 10.0


def key(sequence: int) -> Key:
    return Key(BOOT, sequence)


def send(flight: Flight, sequence: int, now_s: float, *, taken_over: bool = True, size: int = 100) -> None:
    flight.sent(key(sequence), sequence.to_bytes(8, "big"), size, now_s)
    if taken_over:
        flight.acknowledged(key(sequence), now_s)


@pytest.fixture
def flight() -> Flight:
    return Flight(TIMEOUT_S, 4, 1000)


def test_an_upload_is_lost_when_the_bridge_spoke_of_others_for_a_timeout(flight: Flight) -> None:
    send(flight, 0, 0)
    flight.spoken(5)
    assert flight.lost(9.9) == []
    assert flight.lost(10) == [key(0)]


def test_an_upload_that_the_broker_has_not_taken_over_is_not_sent_again_on_that_connection(flight: Flight) -> None:
    send(flight, 0, 0, taken_over=False)
    flight.spoken(5)
    assert flight.lost(1000) == []
    assert flight.stalled(1000, 30)


def test_repeats_of_one_upload_become_rarer(flight: Flight) -> None:
    sent_at_s = []
    send(flight, 0, 0)
    for now_s in range(1, 200):
        flight.spoken(now_s)
        if flight.lost(now_s):
            sent_at_s.append(now_s)
            send(flight, 0, now_s)
    assert sent_at_s == [10, 30, 70, 110, 150, 190]


def test_an_upload_that_was_rewritten_before_its_repeat_goes_by_the_digest_of_what_left_last(flight: Flight) -> None:
    flight.sent(key(0), b"whole", 100, 0)
    flight.sent(key(0), b"thinned", 50, 20)
    assert (flight.key_of(b"whole"), flight.key_of(b"thinned")) == (None, key(0))
    flight.landed(key(0))
    assert flight.key_of(b"thinned") is None


def test_probes_of_a_silent_bridge_become_rarer_and_a_word_of_it_ends_them(flight: Flight) -> None:
    for sequence in range(4):
        send(flight, sequence, 0)
    probed_at_s = []
    for now_s in range(1, 200):
        flight.observe(now_s)
        assert flight.lost(now_s) == []
        probe = flight.probe(now_s)
        if probe is not None:
            probed_at_s.append((now_s, probe.sequence))
            send(flight, probe.sequence, now_s)
    assert probed_at_s == [(10, 0), (30, 1), (70, 2), (110, 3), (150, 0), (190, 1)]
    flight.spoken(200)
    assert not flight.silent
    assert flight.probe(300) is None
    assert set(flight.lost(300)) == {key(0), key(1), key(2), key(3)}


def test_a_silent_bridge_is_sent_something_new_before_anything_again(flight: Flight) -> None:
    send(flight, 0, 0)
    flight.observe(10)
    assert flight.silent
    assert flight.room(10, 100) == (1, None)
    send(flight, 1, 10)
    assert flight.room(11, 100) == (0, 0)
    assert flight.probe(11) is None


def test_room_is_bounded_by_uploads_bytes_and_what_the_broker_allows(flight: Flight) -> None:
    assert flight.room(0, 100) == (1, None)
    send(flight, 0, 0, size=700)
    assert flight.room(0, 100) == (3, 300)
    send(flight, 1, 0, taken_over=False, size=700)
    assert flight.room(0, 100) == (2, 0)
    assert flight.room(0, 1) == (0, 0)
    flight.landed(key(0))
    assert flight.room(0, 100) == (3, 300)


def test_after_a_reconnection_only_what_the_broker_took_over_and_remembers_is_in_flight(flight: Flight) -> None:
    send(flight, 0, 0)
    send(flight, 1, 0, taken_over=False)
    flight.reconnected(remembered=True)
    assert flight.now() == [key(0)]
    assert flight.key_of((1).to_bytes(8, "big")) is None
    flight.reconnected(remembered=False)
    assert flight.now() == []


def test_a_broker_that_takes_something_over_now_and_then_has_not_stalled(flight: Flight) -> None:
    send(flight, 0, 0)
    send(flight, 1, 0, taken_over=False)
    flight.acknowledged(key(0), 25)
    assert not flight.stalled(50, 30)
    assert flight.stalled(55, 30)
