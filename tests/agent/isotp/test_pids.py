"""Answers to several questions of OBD-II at once."""

from __future__ import annotations

from agent.isotp.pids import apart


def taken_apart(message: str) -> list[str]:
    return [answer.hex(" ").upper() for answer in apart(bytes.fromhex(message))]


def test_an_answer_to_several_pids_is_as_if_each_had_been_asked_for() -> None:
    # The example of the standard's text: engine speed, vehicle speed and coolant temperature in one message.
    assert taken_apart("41 0C 1A F8 0D 28 05 7B") == ["41 0C 1A F8", "41 0D 28", "41 05 7B"]


def test_an_answer_to_one_pid_is_itself() -> None:
    assert taken_apart("41 0D 28") == ["41 0D 28"]
    assert taken_apart("41 00 BE 3F A8 13") == ["41 00 BE 3F A8 13"]


def test_what_is_not_all_known_is_left_whole() -> None:
    assert taken_apart("41 0D 28 C5 01 02") == ["41 0D 28 C5 01 02"]
    assert taken_apart("41 C5 01 0D 28") == ["41 C5 01 0D 28"]
    assert taken_apart("41 0D 28 0C 1A") == ["41 0D 28 0C 1A"]


def test_answers_of_other_services_are_left_whole() -> None:
    assert taken_apart("62 0D 28 0C 1A F8") == ["62 0D 28 0C 1A F8"]
    assert taken_apart("") == [""]


def test_a_byte_of_length_may_go_before_each() -> None:
    assert [answer.hex(" ").upper() for answer in apart(bytes.fromhex("41 0C 1A F8 0D 28"), with_length=True)] == [
        "04 41 0C 1A F8",
        "03 41 0D 28",
    ]
