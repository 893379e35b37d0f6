"""The simulated computer, held against the examples of the standards."""

from __future__ import annotations

import can
import pytest

from tests.agent.asking.ecu import Ecu

CHANNEL = "canlift-ecu"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        # SAE J1979: supported PIDs, several PIDs in one question, and one that it lacks.
        ("01 00", "41 00 08 18 00 01"),
        ("01 20", "41 20 00 02 00 01"),
        ("01 A0", "41 A0 04 00 00 00"),
        ("01 0C 0D", "41 0C 1A F8 0D 28"),
        ("01 0E", None),
        ("03", "43 02 01 33 C1 00"),
        ("0A", "4A 00"),
        ("09 02", "49 02 01 56 52 33 43 41 4E 4C 31 46 54 30 30 30 30 30 30 31"),
        # ISO 14229-1: an identifier, one that it lacks, codes by status, and a service that it lacks.
        ("22 D4 10", "62 D4 10 80 00"),
        ("22 12 34", "7F 22 31"),
        ("19 02 04", "59 02 FF C1 00 00 04"),
        ("2E F1 90 00", "7F 2E 11"),
    ],
)
def test_it_answers_as_the_standards_say(question: str, answer: str | None) -> None:
    with can.Bus(CHANNEL, "virtual") as bus:
        said = Ecu(bus).answer_to(bytes.fromhex(question))
    assert (None if said is None else said.hex(" ").upper()) == answer


def test_a_long_answer_waits_for_flow_control_and_comes_in_sequence() -> None:
    with can.Bus(CHANNEL, "virtual") as bus, can.Bus(CHANNEL, "virtual") as ours, Ecu(bus):
        ours.send(can.Message(arbitration_id=0x7E0, is_extended_id=False, data=bytes.fromhex("02090255555555")))
        first = ours.recv(5)
        assert first is not None
        assert bytes(first.data) == bytes.fromhex("1014490201565233")
        assert ours.recv(0.1) is None
        ours.send(can.Message(arbitration_id=0x7E0, is_extended_id=False, data=bytes.fromhex("300001")))
        following = [ours.recv(5), ours.recv(5)]
        assert [bytes(each.data).hex() for each in following if each is not None] == [
            "2143414e4c314654",
            "2230303030303031",
        ]
