"""Forged and damaged copies of a command, in any order with the genuine one: nothing that is told of it changes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.uplink.orders import Orders
from contract.actions import Horn
from contract.command import encode_command
from contract.result import Outcome, Result, decode_result, encode_result
from contract.signing import key_id, public_key
from contract.upload import Privacy
from tests.cloud_bridge.remote.world import KEY, OTHER_VIN, VIN, World

THEIRS = bytes([1] * 32)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


def _copies(world: World) -> dict[str, bytes]:
    """Of the command that is sent now: all of them bear its id."""
    (command,) = world.drive()
    genuine = world.published[-1][1]
    assert encode_command(command, KEY) == genuine
    return {
        "genuine": genuine,
        "signature": genuine[:-1] + bytes([genuine[-1] ^ 1]),
        "another key": encode_command(command, THEIRS),
        "another action": encode_command(replace(command, body=Horn(on=True)), THEIRS),
        "another kind": encode_command(replace(command, body=Privacy.FULL), THEIRS),
        "another vehicle": encode_command(replace(command, vin=OTHER_VIN), THEIRS),
    }


@pytest.mark.parametrize("at_once", [False, True])
def test_whatever_forged_copies_come_with_it_in_any_order_the_genuine_command_is_told_as_it_was_done(
    world: World, at_once: bool
) -> None:
    for order in permutations(("genuine", "signature", "another kind", "another vehicle")):
        world.pass_ms(60_000)  # So many in a minute are refused.
        world.heard()
        action = world.lock()
        copies = _copies(world)
        orders = Orders(VIN, actions=True, keys={key_id(public_key(KEY)): public_key(KEY)})
        executed = 0
        for kind in order:
            orders.receive(copies[kind])
            if at_once and kind != order[-1]:
                continue
            for command in orders.take():
                executed += 1
                for outcome in (Outcome.RECEIVED, Outcome.SENT, Outcome.DONE):
                    orders.answer(Result(command.id, outcome))
            for result in orders.results():
                world.driver.take(VIN, decode_result(encode_result(result)))
        assert executed == 1
        assert world.story(action) == ["Accepted", "SentToVehicle", "Success"]


def test_forged_copies_alone_leave_an_action_what_it_would_be_without_them(world: World) -> None:
    world.heard()
    action = world.lock()
    copies = _copies(world)
    del copies["genuine"]
    orders = Orders(VIN, actions=True, keys={key_id(public_key(KEY)): public_key(KEY)})
    for payload in copies.values():
        orders.receive(payload)
    results = orders.results()
    assert len(results) == len(copies)
    for result in results:
        world.driver.take(VIN, result)
    assert world.story(action) == ["Accepted"]
    world.drive(world.rules.reach_ms + world.rules.answer_ms)
    assert world.story(action) == ["Accepted", "Failed VehicleConnectionTimeout"]


def test_a_vehicle_that_does_not_accept_the_genuine_command_says_so(world: World) -> None:
    world.heard()
    action = world.lock()
    genuine = _copies(world)["genuine"]
    orders = Orders(VIN, actions=True, keys={key_id(public_key(THEIRS)): public_key(THEIRS)})
    orders.receive(genuine)
    for result in orders.results():
        world.driver.take(VIN, result)
    assert world.story(action) == ["Accepted", "SentToVehicle", "Failed MissingRights"]
