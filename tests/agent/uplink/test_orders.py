"""Commands on their way in, and results on their way out."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from agent.uplink.orders import MOST, Orders
from contract.actions import Horn
from contract.command import Body, Command, Watching, encode_command
from contract.result import Cause, Outcome, Result
from contract.signing import key_id, public_key
from contract.upload import Privacy
from contract.wire import digest

VIN = "VR3UPHNKSKT000001"


OURS, THEIRS = bytes(32), bytes([1] * 32)
KEYS = {key_id(public_key(OURS)): public_key(OURS)}


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


def test_of_more_commands_than_there_is_room_for_the_later_are_refused_and_no_result_is_lost() -> None:
    orders = Orders(VIN, privacy=True)
    for number in range(2 * MOST):
        orders.receive(encode_command(command(number)))
    assert orders.take() == [command(number) for number in range(MOST)]
    for number in range(MOST):
        for outcome in (Outcome.RECEIVED, Outcome.SENT, Outcome.DONE):
            orders.answer(Result(command(number).id, outcome))
    orders.receive(encode_command(command(2 * MOST)))  # Nothing has left yet.
    assert orders.take() == []
    results = orders.results()
    assert [result.outcome for result in results[: 3 * MOST]] == [
        Outcome.RECEIVED,
        Outcome.SENT,
        Outcome.DONE,
    ] * MOST
    assert {(result.outcome, result.cause) for result in results[3 * MOST :]} == {(Outcome.FAILED, Cause.TOO_MANY)}
    assert [result.id for result in results[3 * MOST :]] == [command(number).id for number in range(MOST, 2 * MOST)]
    assert orders.dropped == MOST + 2
    orders.receive(encode_command(command(MOST)))
    assert orders.take() == [command(MOST)]


def test_a_command_stays_under_way_until_its_outcome_has_left() -> None:
    orders = Orders(VIN, privacy=True)
    for number in range(MOST):
        orders.receive(encode_command(command(number)))
    orders.take()
    orders.answer(Result(command(0).id, Outcome.RECEIVED))
    orders.results()
    orders.receive(encode_command(command(MOST)))
    assert outcomes(orders) == [Outcome.FAILED]
    orders.receive(encode_command(command(0)))  # One that is under way may come again.
    assert orders.take() == [command(0)]


def test_who_floods_the_topic_keeps_no_result_from_leaving() -> None:
    orders = Orders(VIN, actions=True, keys=KEYS)
    orders.receive(encode_command(asked(Horn(on=True)), OURS))
    orders.take()
    for number in range(10 * MOST):
        forged = Command(bytes([number, 1] * 8), VIN, 1_700_000_000_000, Horn(on=True))
        orders.receive(encode_command(forged, THEIRS))
    orders.answer(Result(bytes(16), Outcome.DONE))
    first, *others = orders.results()
    assert first == Result(bytes(16), Outcome.DONE)
    assert [result.outcome for result in others] == [Outcome.UNTRUSTED] * MOST
    assert (orders.dropped, orders.untrusted) == (9 * MOST, 10 * MOST)


def test_a_forged_copy_of_a_command_that_is_obeyed_is_not_answered_in_its_place() -> None:
    orders = Orders(VIN, actions=True, keys=KEYS)
    genuine = asked(Horn(on=True))
    orders.receive(encode_command(genuine, OURS))
    orders.receive(encode_command(genuine, THEIRS))
    orders.take()
    orders.receive(encode_command(genuine, THEIRS))
    orders.answer(Result(genuine.id, Outcome.DONE))
    assert outcomes(orders) == [Outcome.DONE]
    assert orders.untrusted == 2


def test_what_is_not_obeyed_is_answered_by_its_message_and_what_is_by_its_id() -> None:
    orders = Orders(VIN, privacy=True, actions=True, keys=KEYS)
    genuine, stranger = asked(Horn(on=True)), replace(asked(Horn(on=True)), vin="VR3UPHNKSKT000002")
    messages = [encode_command(stranger, OURS), encode_command(genuine, THEIRS), encode_command(command(1))]
    for message in messages:
        orders.receive(message)
    assert [result.message for result in orders.results()] == [digest(message) for message in messages]
    orders.receive(encode_command(genuine, OURS))
    (taken,) = orders.take()
    orders.answer(Result(taken.id, Outcome.DONE))
    assert orders.results() == [Result(genuine.id, Outcome.DONE)]


def asked(body: Body) -> Command:
    return Command(bytes(16), VIN, 1_700_000_000_000, body)


def outcomes(orders: Orders) -> list[Outcome]:
    return [result.outcome for result in orders.results()]


@pytest.mark.parametrize("body", [Privacy.FULL, Horn(on=True)])
def test_with_keys_only_what_one_of_them_signed_is_taken(body: Body) -> None:
    orders = Orders(VIN, privacy=True, actions=True, keys=KEYS)
    orders.receive(encode_command(asked(body), THEIRS))
    orders.receive(encode_command(command(1)))
    assert (orders.take(), orders.untrusted) == ([], 2)
    assert outcomes(orders) == [Outcome.UNTRUSTED, Outcome.UNTRUSTED]
    orders.receive(encode_command(asked(body), OURS))
    assert orders.take() == [asked(body)]


def test_without_keys_privacy_is_obeyed_whoever_signed_it_and_nothing_else() -> None:
    orders = Orders(VIN, privacy=True, actions=True)
    orders.receive(encode_command(asked(Privacy.FULL), THEIRS))
    orders.receive(encode_command(replace(asked(Horn(on=True)), id=bytes([1] * 16)), THEIRS))
    assert orders.take() == [asked(Privacy.FULL)]
    assert outcomes(orders) == [Outcome.UNTRUSTED]


@pytest.mark.parametrize(
    ("body", "setting"),
    [
        (Privacy.FULL, "[commands] privacy"),
        (Horn(on=True), "[remote]"),
        (Watching(b""), "watching by a command on this topic"),
    ],
)
def test_a_kind_that_is_off_is_refused_with_the_setting_before_any_signature_is_looked_at(
    body: Body, setting: str
) -> None:
    orders = Orders(VIN, keys=KEYS)
    orders.receive(encode_command(asked(body), OURS))
    refused = Result(bytes(16), Outcome.REFUSED, f"{setting} is off", message=digest(encode_command(asked(body), OURS)))
    assert orders.results() == [refused]
    assert not orders.wanted


def test_who_sends_it_to_the_wrong_vehicle_is_told() -> None:
    orders = Orders(VIN, actions=True, keys=KEYS)
    stranger = Command(bytes(16), "VR3UPHNKSKT000002", 1_700_000_000_000, Horn(on=True))
    orders.receive(encode_command(stranger, OURS))
    assert outcomes(orders) == [Outcome.FOREIGN]
