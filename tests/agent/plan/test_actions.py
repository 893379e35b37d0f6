"""Actions of a profile: found in the databases, or refused with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.decode.checksums import crc8_j1850
from agent.plan.actions import PlannedAction
from agent.plan.compiling_events import without_remote
from contract.configuration import ConfigurationError
from contract.result import Cause
from tests.agent.remote.model import PROFILE, plan


def action(folder: Path, name: str) -> PlannedAction:
    remote = plan(folder).remote
    assert remote is not None
    return remote.actions[name]


def test_what_is_set_lies_where_the_database_says_and_the_rest_is_zero(tmp_path: Path) -> None:
    (frame,) = action(tmp_path, "lock").frames
    assert (frame.bus, frame.id, frame.extended, frame.count) == ("can0", 0x300, False, 1)
    payload = frame.payload({}, None)
    assert frame.finished(payload, 0) == payload == bytes.fromhex("100f000000000000")


def test_counter_and_checksum_are_put_over_what_was_heard(tmp_path: Path) -> None:
    (frame,) = action(tmp_path, "horn-on").frames
    assert (frame.every_ms, frame.count, frame.listens) == (20, 5, True)  # The database's cycle.
    payload = frame.payload({}, bytes.fromhex("fe44f5aa"))
    for count, byte in ((6, 0x65), (15, 0xF5), (16, 0x05)):
        finished = frame.finished(payload, count)
        assert finished[:3] == bytes((0xFD, 0x44, byte))
        assert finished[3] == crc8_j1850(finished[:3]) ^ 0xFF


def test_requests_carry_their_arguments_most_significant_byte_first(tmp_path: Path) -> None:
    requests = action(tmp_path, "navigate").requests
    assert requests is not None
    assert (requests.bus, requests.address) == ("can0", (0x744, 0x764))
    arguments = {"latitude": -62.536239, "longitude": 5.970338, "position": 1, "positions": 3}
    assert [payload.hex() for payload in requests.payloads(arguments)] == [
        "2ed010" + (-625362390).to_bytes(4, "big", signed=True).hex(),
        "2ed011" + (59703380).to_bytes(4, "big").hex(),
        "3101f0110103",
    ]


def test_the_proof_is_what_is_done_already_unless_it_is_always_transmitted(tmp_path: Path) -> None:
    lock, horn = action(tmp_path, "lock"), action(tmp_path, "horn-on")
    assert lock.done == lock.proof
    assert horn.done is None
    assert horn.proof is not None
    assert [cause for cause, _ in lock.unless] == [Cause.DOORS_OPEN]


def test_each_frame_counts_of_what_actions_read_and_only_while_there_are_any(tmp_path: Path) -> None:
    compiled = plan(tmp_path)
    assert {message.name for message in compiled.messages if message.watched} == {"Motion", "Body"}
    without = without_remote(compiled)
    assert without.remote is None
    assert not [message for message in without.messages if message.watched and message.name == "Motion"]


def test_a_profile_of_two_buses_says_on_which_one_is_transmitted(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        plan(tmp_path, PROFILE.replace("[classes]", '[buses.can1]\ndatabases = ["car.dbc"]\n\n[classes]', 1))
    said = str(wrong.value)
    assert "actions.wake-up.frames[0].bus: say which of the buses: can0, can1" in said
    assert "actions.navigate.requests.bus: say which of the buses: can0, can1" in said


def test_a_profile_without_a_speed_says_so(tmp_path: Path) -> None:
    remote = plan(tmp_path, PROFILE.replace('[data]\n"kinetic.speed" = { from = "Motion.Speed" }\n', "")).remote
    assert remote is not None
    assert remote.speed is None


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("[actions.lock]", "[actions.lok]", r"actions\.lok: there is no such action; did you mean lock\?"),
        ('Command = "Lock"', 'Command = "Look"', r"set\.Command: Command has no value 'Look'; did you mean Lock\?"),
        ("Delay = 1.5", "Delay = 26", r"set\.Delay: Delay takes 0 to 25\.5, found 26"),
        ("Delay = 1.5", "Dely = 1", r"set\.Dely: message LockCommand has no signal Dely; did you mean Delay\?"),
        ("Delay = 1.5", 'Delay = { argument = "slot" }', r"set\.Delay: the action has no arguments"),
        (
            "Body.Locks == 'Locked'\"\nwithin",
            "Body.Locks == 'Loked'\"\nwithin",
            r"actions\.lock\.proof: .*never 'Loked'",
        ),
        ("Body.Heating == 1", "Body.Heeting == 1", r"actions\.precondition\.proof: .*no signal Heeting"),
        ('within = "2s"', 'within = "2 min"', r"actions\.lock\.within: expected up to 90 s, found 2 min"),
        ("DoorsOpen =", "DoorOpen =", r"actions\.lock\.unless"),
        ('message = "LockCommand", set = { Command = "Lock", Delay = 1.5 }', 'message = "Wide"', r"no classic frame"),
        (
            'message = "LockCommand", set = { Command = "Lock", Delay = 1.5 }',
            "id = 1",
            r"either message, or id and data",
        ),
        (', every = "20ms"', "", r"frames\[0\]\.count: needs every: the database does not say"),
        ("count = 5", "count = 1000\nevery = '1s'", r"takes 1000 s to transmit, expected up to 60 s"),
        ('counter = "Counter"', 'counter = "Counter"\ncounter_values = 17', r"counter_values: Counter has 4 bits"),
        ('data = "00 FF"', 'data = "00 F"', r"actions\.wake-up\.frames\[0\]\.data: .* as \"00 FF\", found '00 F'"),
        ('"10 03"', '"27 01"', r"send\[0\]: begins with one of the services 10, 2E, 2F, 31"),
        ('"10 03"', '"10 zz"', r"send\[0\]: expected bytes"),
        ("latitude*10000000:4", "latitud*10000000:4", r"has no argument latitud; did you mean latitude\?"),
        ("31 01 F0 10 01", "31 01 F0 10 01 02 03 04", r"send\[1\]: has 2 to 7 bytes, one frame, found 8"),
        ('proof = "Body.Heating == 1"', "frames = [{ id = 1, data = '00' }]", r"needs either frames or requests"),
        ('data = "00 FF"', 'data = "00 01 02 03 04 05 06 07 08"', r"\.data: expected up to eight bytes .*found '00 01"),
        ('data = "00 FF"', 'data = "00", counter = "C"', r"frames\[0\]\.counter: needs a message"),
        ("set = { Command = 1 }", "set = { Command = 1 }\nid = 1", r"frames\[0\]\.id: is known from the message"),
        ("id = 0x400", "id = 0x20000000", r"frames\[0\]\.id: expected an id of 11 or 29 bits, found 536870912"),
        ("id = 0x400", "id = 0x400, bus = 'can1'", r"frames\[0\]\.bus: the profile has no bus can1; did you mean can0"),
        ("always = true", "always = true\ndone = 'Body.Horn == 1'", r"horn-on\.done: is not looked at"),
        ('counter = "Counter"', 'counter = "Counter"\ncounter_values = 1', r"counter_values: expected 2 or more"),
        ('counter = "Counter"', "counter_values = 2", r"counter_values: expected 2 or more, of a counter"),
        ("{ request = 0x744", "{ request = -1", r"requests\.request: expected an id of 11 or 29 bits, found -1"),
        ('["10 03", "31 01 F0 10 01"]', "[]", r"requests\.send: expected 1 to \d+ requests, found 0"),
        (
            '[{ id = 0x400, data = "00 FF", count',
            "[" + '{ id = 1, data = "00" },' * 40 + '{ id = 1, data = "0", count',
            r"wake-up\.frames: expected up to \d+, found 41",
        ),
        ("answer = 0x764, send", "answer = 0x1764, send", r"both have 11 bits, or both 29"),
        (
            "[actions.wake-up]",
            "[actions.wake-up]\nrequires = { VehicleInUse = 'Motion.Speed == 0' }",
            r"actions\.wake-up\.requires\.VehicleInUse: is not looked at",
        ),
    ],
)
def test_what_is_wrong_with_an_action_is_named_with_its_place(
    tmp_path: Path, before: str, after: str, complaint: str
) -> None:
    assert before in PROFILE
    with pytest.raises(ConfigurationError, match=complaint) as wrong:
        plan(tmp_path, PROFILE.replace(before, after, 1))
    assert all(problem.line for problem in wrong.value.problems)
