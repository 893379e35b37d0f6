"""What a computer is asked, in time that the test makes."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import can
import pytest

from agent.asking.conversation import (
    ANSWER_MS,
    LONGEST_PENDING_MS,
    LONGEST_SILENCE_MS,
    PENDING_MS,
    Conversation,
)
from contract.configuration import Duration
from contract.profile.asking import Ask
from tests.agent.asking.ecu import Ecu

ENGINE = Ask(0x7E0, 0x7E8, pids={"0C": Duration(1000), "0D": Duration(1000), "05": Duration(10_000)})
BATTERY = Ask(0x6B4, 0x694, dids={"D410": Duration(10_000), "D860": Duration(10_000)})
MINUTE_MS = 60_000


@pytest.fixture
def ecu() -> Iterator[Ecu]:
    with can.Bus("canlift-conversation", "virtual") as bus:
        yield Ecu(bus)


def talk(conversation: Conversation, ecu: Ecu, until_ms: int, from_ms: int = 0) -> list[tuple[int, str]]:
    """Lets them talk; an answer takes 20 ms. Gives what was asked, with when."""
    asked: list[tuple[int, str]] = []
    for now_ms in range(from_ms, until_ms, 10):
        conversation.tick(now_ms)
        question = conversation.question(now_ms)
        if question is not None:
            asked.append((now_ms, question.hex(" ").upper()))
            answer = None if ecu.silent else ecu.answer_to(question)
            if answer is not None:
                conversation.hear(answer, now_ms + 20)
    return asked


def counted(asked: list[tuple[int, str]]) -> Counter[str]:
    return Counter(question for _, question in asked)


def test_only_those_pids_are_asked_for_that_the_computer_says_it_has(ecu: Ecu) -> None:
    ask = Ask(0x7E0, 0x7E8, pids={pid: Duration(1000) for pid in ("04", "0C", "11", "2F", "33", "5C", "A6", "C4")})
    asked = counted(talk(Conversation(ask), ecu, 30_000))
    # 00 says that there is something above 20, and so on; nothing is above C0.
    supported = [question for question in asked if question in {"01 00", "01 20", "01 40", "01 60", "01 80", "01 A0"}]
    assert len(supported) == 6
    assert all(asked[question] == 1 for question in supported)
    values = {pid for question in asked if question not in supported for pid in question.split()[1:]}
    assert values == {"0C", "2F", "A6"}


def test_what_is_due_together_is_asked_for_together(ecu: Ecu) -> None:
    asked = counted(talk(Conversation(ENGINE), ecu, 10_000))
    assert asked["01 0C 0D 05"] == 1
    assert asked["01 0C 0D"] == 9
    assert sum(asked.values()) == 11


def test_each_is_asked_for_as_often_as_the_profile_says_and_no_oftener(ecu: Ecu) -> None:
    asked = talk(Conversation(ENGINE), ecu, MINUTE_MS)
    speeds = [at_ms for at_ms, question in asked if "0D" in question]
    assert len(speeds) == 60
    assert all(990 <= after - before <= 1010 for before, after in itertools.pairwise(speeds))
    assert sum("05" in question.split()[1:] for _, question in asked) == 6


def test_a_computer_that_answers_one_at_a_time_is_asked_one_at_a_time(ecu: Ecu) -> None:
    ecu.one_at_a_time = True
    asked = counted(talk(Conversation(ENGINE), ecu, 10_000))
    assert asked["01 0C 0D 05"] == 1
    assert asked["01 0C"] >= 9
    assert asked["01 0D"] >= 9
    assert asked["01 05"] == 1


def test_a_computer_that_refuses_several_at_once_is_asked_one_at_a_time(ecu: Ecu) -> None:
    ecu.refuses = {bytes.fromhex("01 0C 0D"): 0x12}
    conversation = Conversation(ENGINE)
    asked = counted(talk(conversation, ecu, 10_000))
    assert asked["01 0C"] >= 9
    assert conversation.counts.refused == {0x12: 1}


@pytest.mark.parametrize("reason", [0x11, 0x12, 0x13, 0x31, 0x33, 0x7E, 0x7F])
def test_what_is_refused_for_good_is_not_asked_again(ecu: Ecu, reason: int) -> None:
    ecu.refuses = {bytes.fromhex("22 D8 60"): reason}
    conversation = Conversation(BATTERY)
    asked = counted(talk(conversation, ecu, 10 * MINUTE_MS))
    assert asked["22 D8 60"] == 1
    assert asked["22 D4 10"] == 60
    assert conversation.counts.refused == {reason: 1}
    assert conversation.counts.unanswered == 0


def test_after_a_sleep_all_is_asked_again_but_which_pids_there_are(ecu: Ecu) -> None:
    ecu.refuses = {bytes.fromhex("22 D8 60"): 0x31}
    conversation = Conversation(
        Ask(
            0x7E0,
            0x7E8,
            pids={"0D": Duration(1000)},
            dids={"D410": Duration(10_000), "D860": Duration(10_000)},
            vin="obd",
        )
    )
    before = counted(talk(conversation, ecu, MINUTE_MS))
    assert (before["01 00"], before["09 02"], before["22 D8 60"]) == (1, 1, 1)
    conversation.forget()
    after = counted(talk(conversation, ecu, 2 * MINUTE_MS, MINUTE_MS))
    assert (after["01 00"], after["09 02"], after["22 D8 60"]) == (0, 1, 1)
    assert min(before["01 0D"], after["01 0D"]) >= 59


def test_what_is_refused_for_now_is_asked_again_after_longer_and_longer(ecu: Ecu) -> None:
    ecu.refuses = {bytes.fromhex("22 D8 60"): 0x22}
    asked = [at_ms for at_ms, question in talk(Conversation(BATTERY), ecu, 60 * MINUTE_MS) if question == "22 D8 60"]
    gaps = [after - before for before, after in itertools.pairwise(asked)]
    assert gaps == sorted(gaps)
    assert gaps[0] >= MINUTE_MS
    assert len(asked) <= 7


def test_a_busy_computer_is_asked_again_soon(ecu: Ecu) -> None:
    ecu.refuses = {bytes.fromhex("22 D4 10"): 0x21}
    conversation = Conversation(BATTERY)
    assert counted(talk(conversation, ecu, 2_000))["22 D4 10"] == 3
    ecu.refuses = {}
    talk(conversation, ecu, 4_000, 2_000)
    assert conversation.counts.answered == 1


def test_a_computer_that_needs_longer_is_given_longer(ecu: Ecu) -> None:
    conversation = Conversation(BATTERY)
    question = conversation.question(0)
    assert question is not None
    for now_ms in range(1000, 10_000, 1000):
        conversation.hear(bytes.fromhex("7F 22 78"), now_ms)
        assert not conversation.tick(now_ms + PENDING_MS - 1)
    answer = ecu.answer_to(question)
    assert answer is not None
    assert conversation.hear(answer, 10_000)
    assert (conversation.counts.answered, conversation.counts.unanswered) == (1, 0)


def test_a_computer_that_always_needs_longer_is_given_up() -> None:
    conversation = Conversation(BATTERY)
    conversation.question(0)
    gave_up_ms = None
    for now_ms in range(0, 2 * LONGEST_PENDING_MS, 500):
        conversation.hear(bytes.fromhex("7F 22 78"), now_ms)
        if conversation.tick(now_ms):
            gave_up_ms = now_ms
            break
    assert gave_up_ms == LONGEST_PENDING_MS


def test_a_silent_computer_is_asked_after_longer_and_longer_but_never_given_up(ecu: Ecu) -> None:
    ecu.silent = True
    conversation = Conversation(BATTERY)
    asked = [at_ms for at_ms, _ in talk(conversation, ecu, 60 * MINUTE_MS)]
    gaps = [after - before for before, after in itertools.pairwise(asked)]
    assert len(asked) < 30
    assert max(gaps) <= LONGEST_SILENCE_MS + ANSWER_MS + 10
    assert conversation.counts.unanswered == conversation.counts.asked
    ecu.silent = False
    talk(conversation, ecu, 70 * MINUTE_MS, 60 * MINUTE_MS)
    assert not conversation.silent
    assert conversation.counts.answered > 30


def test_a_silent_computer_is_asked_on_its_other_addresses_in_turn() -> None:
    mine, other = (0x7E0, 0x7E8), (0x18DA10F1, 0x18DAF110)
    conversation = Conversation(Ask(*mine, otherwise=(other,), pids={"0D": Duration(1000)}))
    asked_on: list[tuple[int, int]] = []
    now_ms = 0
    while len(asked_on) < 6:
        due_ms = conversation.due_ms()
        assert due_ms is not None
        now_ms = max(now_ms, due_ms)
        conversation.tick(now_ms)
        if conversation.question(now_ms) is not None:
            asked_on.append(conversation.address)
    # One question may be lost: it takes two to make a silence.
    assert asked_on == [mine, mine, other, mine, other, mine]


def test_one_question_at_a_time() -> None:
    conversation = Conversation(BATTERY)
    assert conversation.question(0) is not None
    assert conversation.question(10) is None
    assert not conversation.hear(bytes.fromhex("62 D8 60 01 06 40"), 20)
    assert conversation.question(30) is None


def test_nothing_is_asked_while_another_tester_speaks(ecu: Ecu) -> None:
    conversation = Conversation(BATTERY)
    conversation.hold(5_000)
    assert next(at_ms for at_ms, _ in talk(conversation, ecu, 6_000)) == 5_000


def test_the_number_of_the_vehicle_is_asked_for_once_and_codes_every_so_often(ecu: Ecu) -> None:
    ask = Ask(0x7E0, 0x7E8, vin="obd", faults="obd", faults_every=Duration(MINUTE_MS))
    asked = counted(talk(Conversation(ask), ecu, 5 * MINUTE_MS))
    assert asked == {"09 02": 1, "03": 5, "07": 5, "0A": 5}
    ask = Ask(0x7E0, 0x7E8, vin="uds", faults="uds", faults_every=Duration(MINUTE_MS))
    assert counted(talk(Conversation(ask), ecu, 5 * MINUTE_MS)) == {"22 F1 90": 1, "19 02 0C": 5}


def test_when_it_says_that_something_is_due_it_is(ecu: Ecu) -> None:
    conversation = Conversation(ENGINE)
    now_ms = 0
    for _ in range(50):
        due_ms = conversation.due_ms()
        assert due_ms is not None
        now_ms = max(now_ms, due_ms)
        question = conversation.question(now_ms)
        assert question is not None
        answer = ecu.answer_to(question)
        assert answer is not None
        assert conversation.hear(answer, now_ms + 5)
    assert conversation.counts.answered == 50
