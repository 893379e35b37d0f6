"""Each time the alarm is armed, disarmed or goes off is a record."""

from __future__ import annotations

from cloud_bridge.records.fold import status
from cloud_bridge.records.model import Alarm, Message
from tests.cloud_bridge.records.flows import Records, at, fold, here, stretch


def alarms(records: Records) -> list[tuple[int, str | None]]:
    found = sorted(records.of(Alarm).values(), key=lambda one: one.started_at_ms)
    return [(one.started_at_ms, one.activation or one.trigger) for one in found]


def told(*messages: Message) -> list[tuple[int, str | None]]:
    return alarms(fold([stretch(messages)]))


def test_each_change_of_the_activation_is_a_record_and_so_is_the_first_that_is_heard() -> None:
    states = ["Inactive", "Inactive", "Active", "Active", "Inactive"]
    found = told(*[at(60 * minute, alarm__status__activation=state) for minute, state in enumerate(states)])
    assert found == [(0, "Inactive"), (120_000, "Active"), (240_000, "Inactive")]


def test_an_activation_that_is_the_same_after_a_long_time_is_no_change() -> None:
    talking = [at(second, kinetic__speed=0.0) for second in range(1, 1000)]
    assert told(at(0, alarm__status__activation="Active"), *talking, at(1000, alarm__status__activation="Active")) == [
        (0, "Active")
    ]


def test_each_break_in_is_a_record_of_its_moment_and_place_and_no_break_in_is_none() -> None:
    records = fold(
        [
            stretch(
                [
                    at(0, here(0, 2.5), alarm__trigger__type="NoBreakIn"),
                    at(61.3, alarm__trigger__type="RoofBreakIn"),
                    at(70, alarm__trigger__type="RoofBreakIn"),
                    at(80, here(80, 2.51), alarm__trigger__type="VehicleLifting"),
                    at(90, alarm__trigger__type="NoBreakIn"),
                    at(95, alarm__trigger__type="RoofBreakIn"),
                ]
            )
        ]
    )
    assert alarms(records) == [(61_300, "RoofBreakIn"), (80_000, "VehicleLifting"), (95_000, "RoofBreakIn")]
    places = [one.position for one in sorted(records.of(Alarm).values(), key=lambda one: one.started_at_ms)]
    assert places == [here(0, 2.5), here(80, 2.51), here(80, 2.51)]


def test_a_break_in_that_is_said_again_after_none_was_said_for_long_is_another() -> None:
    talking = [at(second, kinetic__speed=0.0) for second in range(1, 182)]
    found = told(at(0, alarm__trigger__type="KeyLearning"), *talking, at(182, alarm__trigger__type="KeyLearning"))
    assert found == [(0, "KeyLearning"), (182_000, "KeyLearning")]


def test_a_break_in_that_full_privacy_hid_meanwhile_is_the_same_one() -> None:
    hidden = [at(second, privacy__state="Full") for second in range(1, 400)]
    after = at(400, alarm__trigger__type="KeyLearning", privacy__state="None")
    assert told(at(0, alarm__trigger__type="KeyLearning"), *hidden, after) == [(0, "KeyLearning")]


def test_arming_and_going_off_at_one_moment_are_two_records() -> None:
    assert len(told(at(0, alarm__status__activation="Active", alarm__trigger__type="RoofBreakIn"))) == 2


def test_the_status_has_how_the_alarm_went_off_last_and_since_when() -> None:
    messages = [
        at(0, alarm__trigger__type="RoofBreakIn"),
        at(5, alarm__trigger__type="RoofBreakIn"),
        at(9, alarm__trigger__type="NoBreakIn", alarm__status__activation="Active"),
    ]
    trigger = status(fold([stretch(messages)]).history).trigger
    assert trigger is not None
    assert (trigger.trigger, trigger.started_at_ms) == ("RoofBreakIn", 0)


def test_where_it_happened_is_not_told_while_the_vehicle_keeps_its_places_to_itself() -> None:
    messages = [
        at(0, here(0), privacy__state="None"),
        at(5, privacy__state="Geolocation"),
        at(9, alarm__trigger__type="RoofBreakIn", alert__RiskOfIce=True),
        at(12, alert__RiskOfIce=False),
    ]
    records = fold([stretch(messages)])
    (alarm,), (alert,) = records.of(Alarm).values(), records.alerts.values()
    assert (alarm.position, alert.start_position, alert.end_position) == (None, None, None)
