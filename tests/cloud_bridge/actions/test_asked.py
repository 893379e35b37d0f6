"""What may be asked of vehicles: every rule of the published bodies, each fault with its field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cloud_bridge.actions.asked import read
from cloud_bridge.actions.life import RemoteType, Request
from cloud_bridge.shapes.bodies import LARGEST, RefusedBodyError
from contract import actions
from contract.command import Command, decode_command, encode_command
from tests.cloud_bridge.actions.bodies import CHARGING, CONDITIONING, EVERY_DAY, LOCK, PARIS, Body, conditioning

WEEKEND = ("Sat", "Sun")
WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", *WEEKEND)
AT = "2024-03-05T07:42:10+01:00"
RIGHT: list[tuple[Body, RemoteType, actions.Action | None]] = [
    ({"wakeUp": {"action": "WakeUp"}}, "WakeUp", actions.WakeUp()),
    ({"wakeUp": {}}, "WakeUp", actions.WakeUp()),
    (LOCK, "Doors", actions.Doors(locked=True)),
    ({"door": {"state": "Unlocked", "forced": True}, "label": "open it"}, "Doors", actions.Doors(locked=False)),
    ({"horn": {"state": "Activated"}}, "Horn", actions.Horn(on=True)),
    ({"horn": {"state": "Unactivated"}}, "Horn", actions.Horn(on=False)),
    ({"lights": {"on": True}}, "Lights", actions.Lights(on=True)),
    ({"lights": {"on": False}}, "Lights", actions.Lights(on=False)),
    (conditioning(immediate=True), "ThermalPreconditioning", actions.Preconditioning(immediate=True)),
    (conditioning(immediate=False), "ThermalPreconditioning", actions.Preconditioning(immediate=False)),
    (
        conditioning(programs=[CONDITIONING, {"slot": 4, "actionsType": "Delete"}]),
        "ThermalPreconditioning",
        actions.Preconditioning(
            None, (actions.ConditioningProgram(1, True, 26_100, WEEK, "Daily"), actions.DeletedProgram(4))
        ),
    ),
    (
        conditioning(
            immediate=True,
            programs=[
                {
                    **CONDITIONING,
                    "recurrence": "None",
                    "actionsType": "Set",
                    "occurence": {"day": ["Sun", "Sat", "Sun"]},
                },
                {**CONDITIONING, "slot": 2, "actionsType": "Delete"},
            ],
        ),
        "ThermalPreconditioning",
        actions.Preconditioning(
            True, (actions.ConditioningProgram(1, True, 26_100, WEEKEND, "None"), actions.DeletedProgram(2))
        ),
    ),
    ({"charging": {"immediate": True}}, "ElectricBatteryChargingRequest", actions.Charging(True)),
    ({"charging": {"immediate": False}}, "ElectricBatteryChargingRequest", actions.Charging(False)),
    (
        {"charging": {"immediate": True, "schedule": {"programs": [CHARGING]}}},
        "ElectricBatteryChargingRequest",
        actions.Charging(True, (actions.ChargingProgram(2, True, 79_200, 23_400, WEEKEND),)),
    ),
    (
        {"charging": {"schedule": {"programs": [{**CHARGING, "slot": 1}, {**CHARGING, "slot": 4}]}}},
        "ElectricBatteryChargingRequest",
        actions.Charging(None, tuple(actions.ChargingProgram(slot, True, 79_200, 23_400, WEEKEND) for slot in (1, 4))),
    ),
    (
        {"charging": {"schedule": {"nextDelayedTime": AT}}},
        "ElectricBatteryChargingRequest",
        actions.Charging(next=actions.NextCharge(1_709_620_930_000, 60)),
    ),
    (
        {"charging": {"nextDelayedTime": "2024-03-05t06:42:10.5z"}},
        "ElectricBatteryChargingRequest",
        actions.Charging(next=actions.NextCharge(1_709_620_930_500, 0)),
    ),
    (
        {"charging": {"preferences": {"level": "Level3"}}},
        "ElectricBatteryChargingRequest",
        actions.Charging(preferences=actions.ChargingPreferences(3)),
    ),
    (
        {"charging": {"preferences": {"level": "Level5", "type": "Partial"}}},
        "ElectricBatteryChargingRequest",
        actions.Charging(preferences=actions.ChargingPreferences(5, "Partial")),
    ),
    (
        {"navigation": {"positions": [{**PARIS, "coordinates": [2, -48.5, 35]}, PARIS], "driverApproval": True}},
        "Navigation",
        actions.Navigation((actions.Place(2, -48.5), actions.Place(2.3522, 48.8566))),
    ),
    (
        {"navigation": {"positions": [PARIS] * 10}},
        "Navigation",
        actions.Navigation((actions.Place(2.3522, 48.8566),) * 10),
    ),
    ({"immobilization": {"activate": True}}, "Immobilization", actions.Immobilization(on=True)),
    ({"stolen": {"stolen": True}}, "Stolen", None),
    ({"stolen": {"stolen": False}}, "Stolen", actions.Stolen(stolen=False)),
    ({"stolen": {"immobilization": {"activate": False}}}, "Stolen", actions.Immobilization(on=False)),
    ({"stolen": {"trackingPeriod": {"running": 5}}}, "Stolen", actions.Stolen(tracking=actions.Tracking(5))),
    (
        {"stolen": {"trackingPeriod": {"running": 30, "shutdown": 60}}},
        "Stolen",
        actions.Stolen(tracking=actions.Tracking(30, 60)),
    ),
]


@pytest.mark.parametrize(("body", "type_", "action"), RIGHT)
def test_what_is_asked_becomes_an_action_and_is_told_as_it_was_given(
    body: Body, type_: RemoteType, action: actions.Action | None
) -> None:
    asked = read(msgspec.json.encode(body))
    assert (asked.request.type, asked.action) == (type_, action)
    assert msgspec.json.decode(asked.body) == body


@pytest.mark.parametrize("action", [action for _, _, action in RIGHT if action is not None])
def test_every_action_can_be_sent(action: actions.Action) -> None:
    command = Command(bytes(16), "VF3ABCDE0FG000001", 2, action, 1)
    assert decode_command(encode_command(command, bytes(32))).command == command


def test_the_published_sample_is_an_action(shared: Path) -> None:
    sample = (shared / "reference" / "examples" / "remote-create-request.json").read_bytes()
    assert read(sample).action == actions.Doors(locked=True)


def test_what_decides_of_a_theft() -> None:
    def request(**stolen: Any) -> Request:
        return read(msgspec.json.encode({"stolen": stolen})).request

    assert request(stolen=True) == Request("Stolen", declares=True)
    assert request(stolen=False) == Request("Stolen", declares=False)
    assert request(immobilization={"activate": True}) == Request("Stolen", of_theft=True)
    assert request(immobilization={"activate": False}) == Request("Stolen")
    assert request(trackingPeriod={"running": 30}) == Request("Stolen")


def programs(*asked: object) -> Body:
    return conditioning(programs=list(asked))


def charging(*asked: object) -> Body:
    return {"charging": {"schedule": {"programs": list(asked)}}}


def positions(*asked: object) -> Body:
    return {"navigation": {"positions": list(asked)}}


PROGRAM, CHARGE = "preconditioning.airConditioning.programs", "charging.schedule.programs"


def without(program: Body, name: str) -> Body:
    return {key: value for key, value in program.items() if key != name}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ""),
        ({"label": "nothing"}, ""),
        ([LOCK], ""),
        (None, ""),
        ("door", ""),
        ({**LOCK, "horn": {"state": "Activated"}}, ""),
        ({"door": None}, "door"),
        ({"doors": {"state": "Locked"}}, ""),
        ({"state": {}}, ""),
        ({"preonditionning": {}}, ""),
        ({**LOCK, "label": "x" * 257}, "label"),
        ({"door": {}}, "door"),
        ({"door": {"state": "locked"}}, "door.state"),
        ({"door": {"state": "Locked", "forced": 1}}, "door.forced"),
        ({"door": {"state": "Locked", "colour": "red"}}, "door"),
        ({"horn": {"state": "On"}}, "horn.state"),
        ({"lights": {"on": "true"}}, "lights.on"),
        ({"wakeUp": {"action": "Sleep"}}, "wakeUp.action"),
        ({"immobilization": {}}, "immobilization"),
        ({"preconditioning": {}}, "preconditioning"),
        (conditioning(), "preconditioning.airConditioning"),
        (programs(), PROGRAM),
        (programs(*[{**CONDITIONING, "slot": slot} for slot in (1, 2, 3, 4, 4)]), PROGRAM),
        (programs(CONDITIONING, {"slot": 1, "actionsType": "Delete"}), PROGRAM),
        (programs({**CONDITIONING, "slot": 0}), f"{PROGRAM}[0].slot"),
        (programs({**CONDITIONING, "slot": 5}), f"{PROGRAM}[0].slot"),
        *[
            (programs(without(CONDITIONING, name)), f"{PROGRAM}[0].{name}")
            for name in ("enabled", "start", "occurence")
        ],
        (programs(without(CONDITIONING, "slot")), f"{PROGRAM}[0]"),
        (programs({"actionsType": "Delete"}), f"{PROGRAM}[0]"),
        (programs({**CONDITIONING, "recurrence": "Weekly"}), f"{PROGRAM}[0].recurrence"),
        (programs({**CONDITIONING, "occurence": {}}), f"{PROGRAM}[0].occurence"),
        (programs({**CONDITIONING, "occurence": {"day": ["Monday"]}}), f"{PROGRAM}[0].occurence.day[0]"),
        *[
            (programs({**CONDITIONING, "start": start}), f"{PROGRAM}[0].start")
            for start in ("", "7:15", "PT", "P1D", "PT24H", "PT23H60M", "-PT1H", "PT1.5H", "PT٣H")
        ],
        ({"charging": {}}, "charging"),
        ({"charging": {"schedule": {}}}, "charging.schedule"),
        ({"charging": {"schedule": {"nextDelayedTime": AT, "programs": [CHARGING]}}}, "charging.schedule"),
        ({"charging": {"schedule": {"nextDelayedTime": AT}, "nextDelayedTime": AT}}, "charging.nextDelayedTime"),
        *[
            ({"charging": {"schedule": {"nextDelayedTime": at}}}, "charging.schedule.nextDelayedTime")
            for at in (
                "",
                "PT22H30M",
                "2024-03-05",
                "2024-03-05T07:42:10",
                "2024-13-05T07:42:10Z",
                "1969-12-31T23:59:59Z",
                "2249-01-01T00:00:00Z",  # Later than a command can say: the driver would end of it.
                "9999-12-31T23:59:59-01:00",
            )
        ],
        (charging(), CHARGE),
        (charging(CHARGING, CHARGING), CHARGE),
        *[(charging(without(CHARGING, name)), f"{CHARGE}[0]") for name in ("slot", "enabled", "start", "occurence")],
        (charging({**CHARGING, "end": "PT25H"}), f"{CHARGE}[0].end"),
        ({"charging": {"preferences": {}}}, "charging.preferences"),
        ({"charging": {"preferences": {"level": "Level6"}}}, "charging.preferences.level"),
        ({"charging": {"preferences": {"type": "Half"}}}, "charging.preferences.type"),
        ({"charging": {"preferences": {"type": "Full"}, "immediate": True}}, "charging.preferences"),
        ({"charging": {"preferences": {"type": "Full"}, "schedule": {"nextDelayedTime": AT}}}, "charging.preferences"),
        ({"charging": {"preferences": {"type": "Full"}, "nextDelayedTime": AT}}, "charging.preferences"),
        (positions(), "navigation.positions"),
        (positions(*[PARIS] * 11), "navigation.positions"),
        (positions({"coordinates": [2, 48]}), "navigation.positions[0]"),
        (positions({**PARIS, "type": "Polygon"}), "navigation.positions[0].type"),
        (positions({**PARIS, "coordinates": [2]}), "navigation.positions[0].coordinates"),
        (positions({**PARIS, "coordinates": [2, "48"]}), "navigation.positions[0].coordinates[1]"),
        (positions(PARIS, {**PARIS, "coordinates": [48.8, 180]}), "navigation.positions[1].coordinates"),
        (positions({**PARIS, "coordinates": [180.1, 0]}), "navigation.positions[0].coordinates"),
        ({"stolen": {}}, "stolen"),
        ({"stolen": {"stolen": True, "immobilization": {"activate": True}}}, "stolen"),
        ({"stolen": {"trackingPeriod": {}}}, "stolen.trackingPeriod"),
        ({"stolen": {"trackingPeriod": {"running": 4}}}, "stolen.trackingPeriod.running"),
        ({"stolen": {"trackingPeriod": {"shutdown": 59}}}, "stolen.trackingPeriod.shutdown"),
        ({"stolen": {"trackingPeriod": {"shutdown": 86_401}}}, "stolen.trackingPeriod.shutdown"),
    ],
)
def test_what_is_wrong_is_refused_with_its_field_and_why(body: object, field: str) -> None:
    with pytest.raises(RefusedBodyError) as refused:
        read(msgspec.json.encode(body))
    assert refused.value.field == field
    assert refused.value.why


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 50_000, b" " * (LARGEST + 1)])
def test_what_is_no_json_or_too_much_is_refused(content: bytes) -> None:
    with pytest.raises(RefusedBodyError):
        read(content)


def test_midnight_is_a_time_of_day() -> None:
    asked = read(msgspec.json.encode(programs({**CONDITIONING, "start": "PT0S", "occurence": EVERY_DAY})))
    assert isinstance(asked.action, actions.Preconditioning)
    (program,) = asked.action.programs
    assert isinstance(program, actions.ConditioningProgram)
    assert program.start_s == 0


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"door": {"state": "locked"}}, "`door.state`: found 'locked', expected one of Locked, Unlocked"),
        (
            conditioning(programs=[{**CONDITIONING, "occurence": {"day": ["Sat", "Mo"]}}]),
            f"`{PROGRAM}[0].occurence.day[1]`: found 'Mo', expected one of Fri, Mon, Sat, Sun, Thu, Tue, Wed",
        ),
    ],
)
def test_in_place_of_a_name_that_is_none_those_are_named_that_there_are(body: Body, complaint: str) -> None:
    with pytest.raises(RefusedBodyError) as refused:
        read(msgspec.json.encode(body))
    assert str(refused.value) == complaint
