from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.bus.frame import Frame
from agent.j1939.broadcasts import PATIENCE_MS, Broadcasts

FAULTS = 0x18FECA00
"""The id that a broadcast of the group FECA by source 0 is given."""
ANNOUNCED = "20 12 00 03 FF CA FE 00"
PARTS = ("01 43 FF D4 03 09 7E 90", "02 61 02 0C 03 61 02 09", "03 A0 41 FF FF 52 09 FF")
WHOLE = bytes.fromhex("43 FF D4 03 09 7E 90 61 02 0C 03 61 02 09 A0 41 FF FF")


def said(payload: str, at_ms: int = 0, source: int = 0, to: int = 0xFF) -> Frame:
    data = bytes.fromhex(payload)
    group = 0x1CEC if data[0] >= 0x10 else 0x1CEB
    return Frame(at_ms, "can0", group << 16 | to << 8 | source, True, data)


def taken(broadcasts: Broadcasts, *frames: Frame) -> list[tuple[int, bytes]]:
    return [(whole.id, whole.data) for frame in frames if (whole := broadcasts.take(frame)) is not None]


@pytest.fixture
def broadcasts() -> Broadcasts:
    return Broadcasts(lambda _: True)


def test_a_message_is_put_together_from_its_frames_without_what_fills_the_last(broadcasts: Broadcasts) -> None:
    frames = [said(ANNOUNCED), *(said(part, 50 * place) for place, part in enumerate(PARTS, 1))]
    assert taken(broadcasts, *frames, *frames) == [(FAULTS, WHOLE)] * 2
    assert (broadcasts.out_of_sequence, broadcasts.unfinished) == (0, 0)


def test_sources_do_not_disturb_each_other(broadcasts: Broadcasts) -> None:
    both = [said(text, 10 * place, source) for place, text in enumerate((ANNOUNCED, *PARTS)) for source in (0, 17)]
    assert taken(broadcasts, *both) == [(FAULTS, WHOLE), (FAULTS | 17, WHOLE)]


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2), (0, 0, 1, 2)])
def test_a_frame_out_of_sequence_ends_its_message(broadcasts: Broadcasts, order: tuple[int, ...]) -> None:
    assert taken(broadcasts, said(ANNOUNCED), *(said(PARTS[place]) for place in order)) == []
    assert broadcasts.out_of_sequence == 1


def test_a_pause_and_another_announcement_end_a_message(broadcasts: Broadcasts) -> None:
    late = PATIENCE_MS + 1
    assert taken(broadcasts, said(ANNOUNCED), said(PARTS[0]), said(PARTS[1], late), said(PARTS[2], late)) == []
    assert broadcasts.unfinished == 1
    frames = [said(ANNOUNCED), said(PARTS[0]), said(ANNOUNCED), *map(said, PARTS)]
    assert taken(broadcasts, *frames) == [(FAULTS, WHOLE)]
    assert broadcasts.unfinished == 2


@pytest.mark.parametrize(
    "announced",
    [
        "20 08 00 02 FF CA FE 00",  # fits one frame
        "20 FA 06 FF FF CA FE 00",  # longer than can be
        "20 12 00 04 FF CA FE 00",  # not so many frames
        "10 12 00 03 FF CA FE 00",  # asks one receiver whether it may be sent
        "20 12 00 03 FF CA FE",
    ],
)
def test_an_announcement_that_cannot_be_or_is_none_begins_nothing(broadcasts: Broadcasts, announced: str) -> None:
    assert taken(broadcasts, said(announced), *map(said, PARTS)) == []
    assert broadcasts.out_of_sequence == 0


def test_what_is_sent_to_one_receiver_or_is_not_wanted_is_passed_over(broadcasts: Broadcasts) -> None:
    assert taken(broadcasts, said(ANNOUNCED, to=0x21), *(said(part, to=0x21) for part in PARTS)) == []
    assert taken(Broadcasts(lambda number: number != FAULTS), said(ANNOUNCED), *map(said, PARTS)) == []


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.binary(max_size=8)), max_size=60))
def test_no_bytes_are_too_odd(said: list[tuple[bool, int, bytes]]) -> None:
    broadcasts = Broadcasts(lambda _: True)
    for announces, source, data in said:
        number = (0x1CECFF00 if announces else 0x1CEBFF00) | source
        whole = broadcasts.take(Frame(0, "can0", number, True, data))
        assert whole is None or 9 <= len(whole.data) <= 1785
