"""Commands on their way in, and results on their way out."""

from __future__ import annotations

from agent.uplink.orders import Orders
from contract.command import Command, Outcome, Result, encode_command
from contract.upload import Privacy

VIN = "VR3UPHNKSKT000001"


def command(number: int, vin: str = VIN) -> Command:
    return Command(bytes([number] * 16), vin, 1_700_000_000_000, Privacy.FULL)


def test_a_command_waits_until_it_is_taken_and_its_result_until_it_is_sent() -> None:
    orders = Orders(VIN, privacy=True)
    orders.receive(encode_command(command(1)))
    orders.receive(encode_command(command(1)))  # Again, before it was carried out.
    assert orders.take() == [command(1)]
    assert orders.take() == []
    orders.answer(Result(command(1).id, Outcome.DONE))
    assert orders.results() == [Result(command(1).id, Outcome.DONE)]
    assert orders.results() == []


def test_what_the_settings_do_not_allow_is_refused() -> None:
    orders = Orders(VIN)
    orders.receive(encode_command(command(1)))
    assert orders.take() == []
    (result,) = orders.results()
    assert result.outcome is Outcome.REFUSED


def test_what_is_no_command_or_for_another_vehicle_is_counted() -> None:
    orders = Orders(VIN, privacy=True)
    orders.receive(b"\xff")
    orders.receive(encode_command(command(1, "VR3UPHNKSKT000002")))
    orders.receive(b"")  # A retained one was taken back: that is nothing.
    assert (orders.unreadable, orders.received, orders.take()) == (2, 0, [])


def test_too_many_are_dropped_and_counted() -> None:
    orders = Orders(VIN, privacy=True)
    for number in range(20):
        orders.receive(encode_command(command(number)))
        orders.answer(Result(command(number).id, Outcome.DONE))
    assert len(orders.take()) == len(orders.results()) == 16
    assert orders.dropped == 8
