"""What came of commands reaches the broker, also where connections end at the wrong moment."""

from __future__ import annotations

from agent.uplink.answers import Answers
from agent.uplink.orders import MOST, Orders
from contract.actions import Horn
from contract.command import Command, encode_command
from contract.result import Outcome, Result

FIRST, SECOND, THIRD = (Result(bytes([number] * 16), Outcome.DONE) for number in range(3))


def test_a_result_that_the_broker_did_not_take_over_goes_again_before_what_came_later() -> None:
    orders = Orders("VR3UPHNKSKT000001")
    answers = Answers(orders)
    orders.answer(FIRST)
    orders.answer(SECOND)
    assert answers.due() == [FIRST, SECOND]
    answers.sent(7, FIRST)
    # The connection ends before the second could be written, and the first was taken over.
    orders.answer(THIRD)
    answers.reconnected()
    assert answers.due() == [FIRST, SECOND, THIRD]


def test_a_result_that_the_broker_took_over_is_not_sent_again() -> None:
    orders = Orders("VR3UPHNKSKT000001")
    answers = Answers(orders)
    orders.answer(FIRST)
    (due,) = answers.due()
    answers.sent(7, due)
    assert (len(answers), answers.due()) == (1, [])
    answers.settled(7)
    answers.settled(8)  # Some upload.
    answers.reconnected()
    assert (len(answers), answers.due()) == (0, [])


def test_while_the_broker_takes_nothing_over_what_is_to_go_stays_bounded() -> None:
    orders = Orders("VR3UPHNKSKT000001", actions=True, keys={bytes(8): bytes(32)})
    answers = Answers(orders)
    packets = 0
    for number in range(10 * MOST):
        forged = Command(bytes([number]) * 16, "VR3UPHNKSKT000001", 1_700_000_000_000, Horn(on=True))
        orders.receive(encode_command(forged, bytes(32)))
        for result in answers.due():
            answers.sent(packets, result)
            packets += 1
    assert len(answers) == MOST
    for packet in range(packets):
        answers.settled(packet)
    assert len(answers.due()) == MOST
