"""What callbacks are told: every path is one of the published ones, and ends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from cloud_bridge.actions.life import (
    AWAKE_MS,
    REMOTE_TYPES,
    SETTLE_MS,
    Answer,
    DoneStatus,
    Event,
    FailureCause,
    Known,
    Life,
    PendingStatus,
    Phase,
    RemoteType,
    Request,
    Rules,
    Step,
    answered,
    begin,
    look,
    postponed,
    until_ms,
)

NOW = 1_800_000_000_000
RULES = Rules(wake_ups=3, most_in_a_minute=5, reach_ms=60_000, answer_ms=30_000)
AWAKE = Known(heard_at_ms=NOW - 1000, said_at_ms=NOW - 1000)
ASLEEP = Known(heard_at_ms=NOW - AWAKE_MS, said_at_ms=NOW - AWAKE_MS)
LOCK = Request("Doors")


def told(*events: Event) -> list[str]:
    return [event.status if event.cause is None else f"{event.status} {event.cause}" for event in events]


def test_a_vehicle_that_is_awake_is_sent_the_request_at_once() -> None:
    step = begin(LOCK, AWAKE, RULES, NOW)
    assert told(*step.events) == ["Accepted"]
    assert (step.life.phase, step.wakes) == (Phase.SENDING, False)
    step = answered(step.life, Answer(), NOW + 100)
    assert told(*step.events) == ["SentToVehicle"]
    step = answered(step.life, Answer("Success"), NOW + 900)
    assert told(*step.events) == ["Success"]
    assert step.life.phase is Phase.DONE


def test_a_stopped_vehicle_is_awake_for_three_minutes_and_three_more_with_each_message_sent() -> None:
    for known, phase in [
        (Known(heard_at_ms=NOW - AWAKE_MS + 1), Phase.SENDING),
        (Known(heard_at_ms=NOW - AWAKE_MS), Phase.WAKING),
        (Known(heard_at_ms=NOW - 10 * AWAKE_MS, sent_at_ms=NOW - AWAKE_MS + 1), Phase.SENDING),
        (Known(), Phase.WAKING),
    ]:
        assert begin(LOCK, known, RULES, NOW).life.phase is phase


def test_a_vehicle_that_sleeps_is_woken_up_and_looked_at_before_it_is_asked() -> None:
    step = begin(LOCK, ASLEEP, RULES, NOW)
    assert told(*step.events) == ["Accepted", "WakingUpVehicle"]
    assert step.wakes
    assert look(step.life, LOCK, ASLEEP, RULES, NOW + 1000).life == step.life
    heard = replace(ASLEEP, heard_at_ms=NOW + 2000)
    step = look(step.life, LOCK, heard, RULES, NOW + 2100)
    assert told(*step.events) == ["CheckingVehicle"]
    assert look(step.life, LOCK, heard, RULES, NOW + 2200).life == step.life
    step = look(step.life, LOCK, replace(heard, said_at_ms=NOW + 2300), RULES, NOW + 2300)
    assert (step.life.phase, step.events) == (Phase.SENDING, ())
    assert told(*answered(step.life, Answer("AlreadyDone"), NOW + 3000).events) == ["SentToVehicle", "AlreadyDone"]


def test_a_vehicle_that_woke_up_and_says_nothing_of_itself_is_asked_all_the_same() -> None:
    life = begin(LOCK, ASLEEP, RULES, NOW).life
    heard = replace(ASLEEP, heard_at_ms=NOW + 1)
    life = look(life, LOCK, heard, RULES, NOW + 1).life
    assert look(life, LOCK, heard, RULES, NOW + SETTLE_MS).life == life
    assert look(life, LOCK, heard, RULES, NOW + 1 + SETTLE_MS).life.phase is Phase.SENDING


@pytest.mark.parametrize(
    ("found", "cause"),
    [
        ({"battery_percent": 9.0}, "NotPossibleDueToVehicleBatteryLevel"),
        ({"is_private": True}, "NotPossibleDueToVehiclePrivacyLevel"),
        ({"is_stolen": True}, "NotPossibleDueToVehicleStolenState"),
    ],
)
def test_what_is_found_when_it_wakes_up_may_end_it(found: dict[str, float], cause: FailureCause) -> None:
    life = begin(LOCK, ASLEEP, RULES, NOW).life
    awake = Known(heard_at_ms=NOW + 9, said_at_ms=NOW + 9, **found)  # type: ignore[arg-type]
    events = look(life, LOCK, awake, RULES, NOW + 10).events
    assert told(events[0], events[-1]) == ["CheckingVehicle", f"Failed {cause}"]


def test_a_vehicle_that_does_not_wake_up_has_not_been_reached() -> None:
    life = begin(LOCK, ASLEEP, RULES, NOW).life
    assert look(life, LOCK, ASLEEP, RULES, NOW + RULES.reach_ms - 1).life == life
    step = look(life, LOCK, ASLEEP, RULES, NOW + RULES.reach_ms)
    assert told(*step.events) == ["Failed VehicleConnectionTimeout"]


@pytest.mark.parametrize(
    ("request_", "known", "expected"),
    [
        (LOCK, replace(AWAKE, is_permitted=False, is_able=False), ["Failed MissingRights"]),
        (Request("Stolen", declares=True), replace(AWAKE, is_permitted=False), ["Failed MissingRights"]),
        (LOCK, replace(AWAKE, is_able=False), ["Failed WrongCommand"]),
        (LOCK, replace(AWAKE, is_same_in_progress=True), ["Failed SameActionInProgress"]),
        (LOCK, replace(AWAKE, is_shut_out=True), ["Failed VehicleConnectionTimeout"]),
        (LOCK, replace(ASLEEP, is_shut_out=True, wake_ups=3), ["Failed VehicleConnectionTimeout"]),
        (Request("Navigation"), replace(ASLEEP, is_shut_out=True), ["Failed VehicleConnectionTimeout"]),
        (LOCK, replace(AWAKE, is_shut_out=True, is_permitted=False), ["Failed MissingRights"]),
        (Request("Stolen", declares=True), replace(AWAKE, is_shut_out=True), ["Accepted", "Success"]),
        (LOCK, replace(AWAKE, lately=5), ["Failed TooManyRequestInShortTime"]),
        (LOCK, replace(AWAKE, is_private=True), ["Failed NotPossibleDueToVehiclePrivacyLevel"]),
        (LOCK, replace(AWAKE, is_stolen=True), ["Failed NotPossibleDueToVehicleStolenState"]),
        (Request("Stolen", of_theft=True), AWAKE, ["Failed NotPossibleDueToVehicleStolenState"]),
        (Request("Stolen", of_theft=True), replace(AWAKE, is_stolen=True, is_private=True), ["Accepted"]),
        (LOCK, replace(ASLEEP, wake_ups=3), ["TooManyWakeUpsOverMonth", "Failed TooManyWakeUpsOverMonth"]),
        (LOCK, replace(AWAKE, wake_ups=3), ["Accepted"]),
        (
            Request("WakeUp"),
            replace(AWAKE, wake_ups=3),
            ["TooManyWakeUpsOverMonth", "Failed TooManyWakeUpsOverMonth"],
        ),
        (
            LOCK,
            replace(AWAKE, battery_percent=9.9),
            ["VehicleBatteryChargeTooLow", "Failed NotPossibleDueToVehicleBatteryLevel"],
        ),
        (LOCK, replace(AWAKE, battery_percent=9.9, is_charging=True), ["Accepted"]),
        (LOCK, replace(AWAKE, battery_percent=10.0), ["Accepted"]),
        (Request("ElectricBatteryChargingRequest"), replace(AWAKE, battery_percent=1.0), ["Accepted"]),
        (Request("Navigation"), ASLEEP, []),
        (Request("Stolen", declares=True), AWAKE, ["Accepted", "Success"]),
        (Request("Stolen", declares=False), AWAKE, ["Accepted", "AlreadyDone"]),
        (Request("Stolen", declares=False), replace(AWAKE, is_stolen=True, is_private=True), ["Accepted", "Success"]),
        (Request("Stolen", declares=True), replace(AWAKE, is_stolen=True), ["Accepted", "AlreadyDone"]),
    ],
)
def test_what_the_bridge_knows_decides_at_once(request_: Request, known: Known, expected: list[str]) -> None:
    assert told(*begin(request_, known, RULES, NOW).events) == expected


def test_a_wake_up_counts_once_while_the_vehicle_is_being_woken_up() -> None:
    step = begin(LOCK, replace(ASLEEP, is_waking=True, wake_ups=3), RULES, NOW)
    assert (step.life.phase, step.wakes) == (Phase.WAKING, False)
    assert begin(Request("WakeUp"), replace(ASLEEP, is_waking=True), RULES, NOW).wakes


def test_a_vehicle_that_cannot_now_is_asked_again_and_that_is_the_cause_if_time_runs_out() -> None:
    life = postponed(begin(LOCK, AWAKE, RULES, NOW).life, "VehicleError")
    assert life.phase is Phase.SENDING
    assert told(*look(life, LOCK, AWAKE, RULES, until_ms(life, RULES)).events) == ["Failed VehicleError"]


def test_what_is_done_stays_done() -> None:
    life = Life(Phase.DONE, NOW)
    assert answered(life, Answer("Failed", "VehicleError"), NOW + 1).events == ()
    assert look(life, LOCK, AWAKE, RULES, NOW + 10**9).events == ()


_PENDING_CAUSE = "(?:TooManyWakeUpsOverMonth|VehicleBatteryChargeTooLow) "
_DONE = "(?:SentToVehicle (?:Success|AlreadyDone|Failed)|Failed)"
_WOKEN = f"WakingUpVehicle (?:CheckingVehicle )?(?:VehicleBatteryChargeTooLow Failed|{_DONE})"
PUBLISHED = re.compile(f"(?:{_PENDING_CAUSE})?Failed|Accepted (?:{_WOKEN}|{_DONE}|Success|AlreadyDone)")
NAVIGATION = re.compile(f"(?:{_PENDING_CAUSE})?Failed|{_DONE}")

times = st.none() | st.integers(NOW - 2 * AWAKE_MS, NOW)
knowledge = st.builds(
    Known,
    is_permitted=st.sampled_from([True, True, True, False]),
    is_able=st.sampled_from([True, True, True, False]),
    is_same_in_progress=st.sampled_from([False, False, False, True]),
    lately=st.integers(0, 6),
    wake_ups=st.integers(0, 4),
    is_waking=st.booleans(),
    heard_at_ms=times,
    said_at_ms=times,
    sent_at_ms=times,
    battery_percent=st.none() | st.sampled_from([5.0, 50.0]),
    is_charging=st.booleans(),
    is_private=st.sampled_from([False, False, True]),
    is_stolen=st.sampled_from([False, False, True]),
    is_tracked=st.booleans(),
    is_shut_out=st.sampled_from([False, False, True]),
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    kind: RemoteType = draw(st.sampled_from(REMOTE_TYPES))
    if kind != "Stolen":
        return Request(kind)
    return draw(
        st.sampled_from([Request(kind, declares=True), Request(kind, declares=False), Request(kind, None, True)])
    )


answers = st.one_of(
    st.just(Answer()),
    st.just(Answer("Success")),
    st.just(Answer("AlreadyDone")),
    st.sampled_from(get_args(FailureCause)).map(lambda cause: Answer("Failed", cause)),
)


class Lives(RuleBasedStateMachine):
    """Any vehicle, any answers in any order, looked at whenever."""

    @initialize(request=requests(), known=knowledge)
    def asked(self, request: Request, known: Known) -> None:
        self.request, self.known, self.now_ms = request, known, NOW
        step = begin(request, known, RULES, NOW)
        self.life, self.events = step.life, [*step.events]

    @precondition(lambda self: self.life.phase is not Phase.DONE)
    @rule(wait_ms=st.integers(0, 70_000))
    def time_passes(self, wait_ms: int) -> None:
        self.now_ms = min(self.now_ms + wait_ms, until_ms(self.life, RULES))
        self._take(look(self.life, self.request, self.known, RULES, self.now_ms))

    @rule(says=st.booleans(), battery=st.none() | st.sampled_from([5.0, 50.0]))
    def heard(self, says: bool, battery: float | None) -> None:
        self.known = replace(self.known, heard_at_ms=self.now_ms)
        if says:
            self.known = replace(self.known, said_at_ms=self.now_ms, battery_percent=battery)
        self._take(look(self.life, self.request, self.known, RULES, self.now_ms))

    @rule()
    def shut_out(self) -> None:
        self.known = replace(self.known, is_shut_out=True)
        self._take(look(self.life, self.request, self.known, RULES, self.now_ms))
        assert self.life.phase is Phase.DONE

    @rule(answer=answers)
    def answers(self, answer: Answer) -> None:
        # Before it was sent anything, only what was woken up by the request itself can answer it.
        if self.life.phase >= Phase.SENDING or self.request.type == "WakeUp":
            self._take(answered(self.life, answer, self.now_ms))

    @rule()
    def cannot_now(self) -> None:
        self.life = postponed(self.life, "VehicleError")

    def _take(self, step: Step) -> None:
        self.life = step.life
        self.events += step.events

    @invariant()
    def is_told_in_published_order(self) -> None:
        said = " ".join(event.status for event in self.events)
        pattern = NAVIGATION if self.request.type == "Navigation" else PUBLISHED
        if self.life.phase is Phase.DONE:
            assert pattern.fullmatch(said), said
        assert [event.is_last for event in self.events[:-1]] == [False] * len(self.events[:-1])
        assert (self.life.phase is Phase.DONE) == (bool(self.events) and self.events[-1].is_last)
        assert all((event.status == "Failed") == (event.cause is not None) for event in self.events)

    @invariant()
    def is_over_in_time(self) -> None:
        assert self.now_ms <= NOW + RULES.longest_ms
        assert self.life.phase is Phase.DONE or until_ms(self.life, RULES) <= NOW + RULES.longest_ms

    def teardown(self) -> None:
        while self.life.phase is not Phase.DONE:
            self.now_ms = until_ms(self.life, RULES)
            before = self.life
            self._take(look(self.life, self.request, self.known, RULES, self.now_ms))
            assert self.life != before
        self.is_told_in_published_order()
        self.is_over_in_time()


TestLives = Lives.TestCase


def test_the_words_are_the_published_ones(shared: Path) -> None:
    webhook = json.loads((shared / "reference" / "openapi" / "connectedcar-b2b-webhook-v3.json").read_text())
    published = {name: set(schema.get("enum", ())) for name, schema in webhook["components"]["schemas"].items()}
    assert set(get_args(PendingStatus)) == published["RemotePendingEventStatus"]
    assert set(get_args(DoneStatus)) == published["RemoteDoneEventStatus"]
    assert set(get_args(FailureCause)) == published["RemoteFailedEventStatus"]
    assert published["RemoteType"] - set(REMOTE_TYPES) == {"VehicleState", "ChargingState"}
