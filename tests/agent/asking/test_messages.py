"""Questions, answers and trouble codes, against the examples of the standards."""

from __future__ import annotations

import pytest

from agent.asking import messages
from agent.asking.trouble_codes import Diagnosis, TroubleCodes, name_of
from agent.devices.messages import decoder


def hexadecimal(text: str) -> bytes:
    return bytes.fromhex(text)


@pytest.mark.parametrize(
    ("question", "answer", "is_answer"),
    [
        ("01 0C", "41 0C 1A F8", True),
        ("01 0C 0D", "41 0D 28 0C 1A F8", True),
        ("01 0C", "41 0D 28", False),
        ("01 0C", "41", False),
        ("09 02", "49 02 01 56", True),
        ("09 02", "49 04 01 56", False),
        ("22 D4 10", "62 D4 10 80 00", True),
        ("21 01", "61 01 FF FF F3 CC", True),
        ("21 01", "61 04 02 BB 02 02", False),
        ("22 D4 10", "62 D4 11 80 00", False),
        ("22 D4 10", "62 D4", False),
        ("03", "43 00", True),
        ("19 02 0C", "59 02 FF", True),
        ("22 D4 10", "7F 22 31", False),
        ("22 D4 10", "", False),
    ],
)
def test_an_answer_repeats_what_was_asked(question: str, answer: str, is_answer: bool) -> None:
    assert messages.answers(hexadecimal(question), hexadecimal(answer)) is is_answer


def test_a_refusal_names_the_service_that_is_refused() -> None:
    assert messages.refusal(hexadecimal("22 D4 10"), hexadecimal("7F 22 31")) == 0x31
    assert messages.refusal(hexadecimal("22 D4 10"), hexadecimal("7F 01 31")) is None
    assert messages.refusal(hexadecimal("22 D4 10"), hexadecimal("7F 22")) is None


def test_supported_pids_are_the_bits_from_the_most_significant_on() -> None:
    # The example of SAE J1979: BE 1F A8 13.
    assert sorted(messages.supported_pids(hexadecimal("41 00 BE 1F A8 13"))) == [
        *(0x01, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x11, 0x13, 0x15, 0x1C, 0x1F, 0x20)
    ]


def test_the_number_of_the_vehicle_is_read_without_what_fills_it_up() -> None:
    assert messages.vin_of(hexadecimal("49 02 01") + b"\0\0\0VR3CANL1FT0000001") == "VR3CANL1FT0000001"
    assert messages.vin_of(hexadecimal("62 F1 90") + b"VR3CANL1FT0000001") == "VR3CANL1FT0000001"
    assert messages.vin_of(hexadecimal("49 02")) == ""


@pytest.mark.parametrize(
    ("code", "name"),
    [(0x013300, "P0133"), (0xC10000, "U0100"), (0x412300, "C0123"), (0x9234AB, "B1234-AB"), (0x0A1F00, "P0A1F")],
)
def test_a_code_is_written_as_people_write_it(code: int, name: str) -> None:
    assert name_of(code) == name


def test_codes_are_read_of_each_kind() -> None:
    codes = TroubleCodes()
    assert codes.take(hexadecimal("43 02 01 33 C1 00"))
    assert codes.take(hexadecimal("47 01 04 20"))
    assert codes.take(hexadecimal("4A 00"))
    assert codes == TroubleCodes(frozenset({0x013300, 0xC10000}), frozenset({0x042000}), frozenset())


def test_codes_of_uds_are_told_apart_by_their_status() -> None:
    codes = TroubleCodes()
    assert codes.take(hexadecimal("59 02 FF 01 33 87 08 C1 00 00 04 91 22 00 0D"))
    assert codes == TroubleCodes(frozenset({0x013387, 0x912200}), frozenset({0xC10000, 0x912200}))


@pytest.mark.parametrize("answer", ["", "43", "43 02 01 33", "59 02", "59 02 FF 01 33", "62 D4 10 00", "7F 03 11"])
def test_what_is_no_list_of_codes_changes_nothing(answer: str) -> None:
    codes = TroubleCodes(frozenset({1}))
    assert not codes.take(hexadecimal(answer))
    assert codes == TroubleCodes(frozenset({1}))


def test_the_codes_of_all_computers_travel_in_one_message() -> None:
    diagnosis = Diagnosis()
    diagnosis.of("engine").take(hexadecimal("43 02 01 33 C1 00"))
    diagnosis.of("gearbox").take(hexadecimal("43 01 07 00"))
    diagnosis.of("gearbox").take(hexadecimal("47 01 04 20"))
    frame = diagnosis.frame(4711)
    raws = decoder("Diagnosis", ["Stored", "Pending", "Permanent", "Code1", "Code2", "Code3", "Code4", "Code5"])
    assert (frame.at_ms, frame.bus) == (4711, "Diagnosis")
    assert raws(frame.data) == (3, 1, None, 0x013300, 0xC10000, 0x070000, 0x042000, None)


def test_an_answer_that_is_cut_short_tells_of_no_pids_but_those_in_it() -> None:
    assert messages.supported_pids(hexadecimal("41 00 80")) == {0x01}
