"""Answers in a plan: which frames they come from, how long they count, and what is asked for in vain."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from agent.bus.frame import Frame
from agent.bus.recording import Recording
from agent.plan.compiling import compile_plan
from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from contract.configuration import ConfigurationError
from contract.upload import Count, Reason
from tests.agent.isotp.test_assembler import frames_of

DATABASE = """VERSION ""
BU_: Car
BO_ 2024 Engine: 8 Car
 SG_ Reply M : 7|16@0+ (1,0) [0|0] "" Car
 SG_ Speed m16653 : 23|8@0+ (1,0) [0|255] "km/h" Car
 SG_ Coolant m16645 : 23|8@0+ (1,-40) [-40|215] "degC" Car
BO_ 1684 Battery: 24 Car
 SG_ Reply M : 7|24@0+ (1,0) [0|0] "" Car
 SG_ Charge m6476816 : 31|16@0+ (0.001953125,0) [0|100] "%" Car
 SG_ Last m6476817 : 183|8@0+ (1,0) [0|0] "" Car
"""

PROFILE = """model = "polled"
label = "Polled"
brand = "Test"
motorization = "Electric"

[buses.can0]
databases = ["car.dbc"]

[classes]
fast = { every = "1s" }
slow = { every = "10s" }

[signals]
"Engine.Speed" = { class = "fast" }
"Engine.Coolant" = { class = "slow" }
"Battery.Charge" = { class = "slow" }
"Battery.Last" = { class = "slow" }

[messages]
Engine = { transport = "isotp", also = [0x7E9] }
Battery = { transport = "isotp" }

[ask.engine]
request = 0x7E0
answer = 0x7E8
otherwise = [[0x18DA10F1, 0x18DAF110]]
pids = { "0D" = "1s", "05" = "10s" }

[ask.battery]
request = 0x6B4
answer = 0x694
dids = { D410 = "1min" }

[gnss]
source = "none"
"""


def plan(folder: Path, profile: str = PROFILE) -> Plan:
    (folder / "car.dbc").write_text(DATABASE)
    (folder / "car.toml").write_text(profile)
    return replace(compile_plan(folder / "car.toml"), first_ms=0)  # Tests count batches.


def problems(folder: Path, profile: str) -> list[str]:
    with pytest.raises(ConfigurationError) as wrong:
        plan(folder, profile)
    return [f"{problem.line} {problem}" for problem in wrong.value.problems]


def answer(at_ms: int, message: str, number: int = 0x7E8) -> list[Frame]:
    return [
        Frame(at_ms + 10 * count, "can0", number, number > 0x7FF, data)
        for count, data in enumerate(frames_of(bytes.fromhex(message)))
    ]


def sampled(of: Plan, frames: list[Frame]) -> tuple[dict[str, list[int | None]], Batch]:
    """By signal, what a drive of less than a minute holds on its grids."""
    sampler = Sampler(of, 0)
    sampler.feed(frames)
    batch = sampler.close(frames[-1].at_ms, Reason.CADENCE)
    assert batch is not None
    columns: dict[str, list[int | None]] = {}
    for grid in batch.grids:
        for signal, column in zip(of.manifest.groups[grid.group].signals, grid.columns, strict=True):
            columns.setdefault(signal.name, []).extend(column)
    return columns, batch


def test_answers_are_read_from_their_id_from_the_others_named_and_from_those_tried_otherwise(tmp_path: Path) -> None:
    polled = plan(tmp_path)
    engine = next(message for message in polled.messages if message.name == "Engine")
    keys = {("can0", 0x7E8, False), ("can0", 0x7E9, False), ("can0", 0x18DAF110, True)}
    assert set(engine.keys) == keys <= polled.known
    for number in (0x7E8, 0x7E9, 0x18DAF110):
        columns, batch = sampled(polled, [*answer(900, "410D28", number), *answer(2100, "410D28", number)])
        assert 0x28 in columns["Engine.Speed"]
        assert batch.ledger.counts == {Count.FRAMES: 2}


def test_an_answer_to_several_questions_gives_all_its_values(tmp_path: Path) -> None:
    columns, batch = sampled(plan(tmp_path), [*answer(900, "410D28057B0C1AF8"), *answer(10_100, "410D29")])
    assert columns["Engine.Speed"][0] == 0x28
    assert columns["Engine.Coolant"][-1] == 0x7B
    assert batch.ledger.counts == {Count.FRAMES: 3}


def test_an_answer_of_many_frames_gives_what_its_last_one_holds(tmp_path: Path) -> None:
    columns, _ = sampled(plan(tmp_path), [*answer(9000, "62D411" + "00" * 19 + "5A", 0x694), *answer(10_100, "410D00")])
    assert columns["Battery.Last"] == [0x5A]


def test_what_is_asked_for_seldom_counts_until_three_questions_have_gone_unanswered(tmp_path: Path) -> None:
    polled = plan(tmp_path)
    frames = [*answer(500, "62D4108000", 0x694), *answer(500, "41057B")]
    for second in range(1, 58):
        frames += answer(second * 1000 + 600, "410D28")
    columns, _ = sampled(polled, frames)
    assert columns["Battery.Charge"] == [0x8000] * 5
    assert columns["Engine.Coolant"] == [0x7B, 0x7B, 0x7B, None, None]


def test_a_broken_answer_is_counted_and_nothing_of_it_is_taken(tmp_path: Path) -> None:
    frames = answer(9000, "62D411" + "00" * 19 + "5A", 0x694)
    frames[1], frames[2] = frames[2]._replace(at_ms=9010), frames[1]._replace(at_ms=9020)
    never = answer(9100, "62D411" + "00" * 19 + "5A", 0x694)[:2]
    columns, batch = sampled(
        plan(tmp_path), [*frames, *never, *answer(10_500, "62D4108000", 0x694), *answer(11_000, "410D00")]
    )
    assert "Battery.Last" not in columns
    assert batch.ledger.counts == {Count.FRAMES: 8, Count.CHECKSUM: 1, Count.WRONG_LENGTH: 1}


@pytest.mark.parametrize(
    ("instead", "of", "said"),
    [
        ('"05" = "10s", "0C" = "1s"', '"05" = "10s"', "no listed signal of Engine is in the answer 41 0c"),
        ("dids = { D412", "dids = { D410", "no listed signal of Battery is in the answer 62 d4 12"),
        ('lids = { 12 = "1s" }', 'dids = { D410 = "1min" }', "no listed signal of Battery is in the answer 61 12"),
        ('lids = { 012 = "1s" }', 'dids = { D410 = "1min" }', "expected 2 hexadecimal digits in capitals"),
        ("answer = 0x695", "answer = 0x694", "no signal of a message 0x695"),
        ('"5" = "10s"', '"05" = "10s"', "expected 2 hexadecimal digits in capitals"),
        ("dids = { d410", "dids = { D410", "expected 4 hexadecimal digits in capitals"),
        ('"0D" = "10ms"', '"0D" = "1s"', "expected 100 ms or more"),
        ("request = 0x20000000", "request = 0x6B4", "0x20000000 is no id"),
        ("[[0x18DA10F1, 0x7E9]]", "[[0x18DA10F1, 0x18DAF110]]", "both have 11 bits or both have 29"),
        ('bus = "can1"\nanswer', "answer", "there is no bus can1"),
        ("answer = 0x7E8", "answer = 0x694", "engine is answered on 0x7e8 too: put both into one table"),
        ("dids = {}", 'dids = { D410 = "1min" }', "asks for nothing"),
        ("Battery = { also = [1] }", 'Battery = { transport = "isotp" }', "other ids are for messages with"),
        ("also = [0x694]", "also = [0x7E9]", "have the same id 694"),
        ("also = [0x20000000]", "also = [0x7E9]", "0x20000000 is no id"),
        ("answer = 0x7E0", "answer = 0x7E8", "request and answer have the same id 0x7e0"),
        ('faults_every = "9s"\nanswer', "answer", "faults_every: expected 10 s or more, found 9 s"),
        ('[buses.can1]\ndatabases = ["car.dbc"]\n[classes]', "[classes]", "bus is missing: one of can0, can1"),
    ],
)
def test_what_is_asked_for_in_vain_is_said_with_its_line(tmp_path: Path, instead: str, of: str, said: str) -> None:
    assert of in PROFILE
    found = problems(tmp_path, PROFILE.replace(of, instead, 1))
    assert any(said in problem for problem in found), found
    assert all(not problem.startswith("None") for problem in found)


def real(shared: Path, folder: Path, database: str, log: str, signals: dict[str, str]) -> tuple[Plan, list[Batch]]:
    """A recording of another tester's questions, with the database that came with it."""
    listed = "\n".join(f'"{name}" = {{ class = "{sampling}" }}' for name, sampling in signals.items())
    messages = "\n".join(
        f'{name} = {{ transport = "isotp-with-length" }}' for name in {name.partition(".")[0] for name in signals}
    )
    (folder / "car.toml").write_text(f"""model = "car"
label = "Car"
brand = "Test"
motorization = "Electric"
[buses.can0]
databases = ["{shared}/data/dbc/{database}"]
[classes]
all = {{ on_change = true, every = "60s" }}
slow = {{ every = "10s" }}
[signals]
{listed}
[messages]
{messages}
[gnss]
source = "none"
""")
    polled = compile_plan(folder / "car.toml")
    recording = Recording([shared / "data/logs" / log], buses=polled.buses)
    sampler = Sampler(polled, 0)
    batches, end_ms = [], 0
    for frames in recording.batches():
        batches += sampler.feed(frames)
        end_ms = frames[-1].at_ms
    last = sampler.close(end_ms, Reason.CADENCE)
    return polled, [*batches, *([last] if last is not None else [])]


def changes(polled: Plan, batches: list[Batch], name: str) -> list[float]:
    number = next(index for index, signal in enumerate(polled.signals) if signal.name == name)
    layout = polled.signals[number].layout
    return [
        change.raw * layout.scale + layout.offset
        for batch in batches
        for change in batch.changes
        if change.signal == number and change.raw is not None
    ]


def test_what_another_tester_asked_a_nissan_is_decoded(shared: Path, tmp_path: Path) -> None:
    polled, batches = real(
        shared,
        tmp_path,
        "uds_nissan_css.dbc",
        "nissan_ev_uds_gps_css_63s.log.gz",
        {"SoC_Temp.SoC": "all", "SoC_Temp.BatPackTemp1": "all"},
    )
    charge = changes(polled, batches, "SoC_Temp.SoC")
    # 13 questions in a minute of standing with the consumers on: it only falls.
    assert len(charge) == 13
    assert charge == sorted(charge, reverse=True)
    assert [charge[0], charge[-1]] == pytest.approx([89.2286, 89.1029])
    assert changes(polled, batches, "SoC_Temp.BatPackTemp1") == [2, 2]
    assert sum(batch.ledger.counts.get(Count.CHECKSUM, 0) for batch in batches) == 0


def test_what_another_tester_asked_a_hyundai_is_decoded(shared: Path, tmp_path: Path) -> None:
    polled, batches = real(
        shared,
        tmp_path,
        "uds_css.dbc",
        "ev_uds_isotp_css_299s.log.gz",
        {
            "Battery.M_SID_0x220101_StateOfChargeBMS": "all",
            "Temperature.M_SID_0x220100_IndoorTemp": "all",
        },
    )
    assert changes(polled, batches, "Battery.M_SID_0x220101_StateOfChargeBMS") != []
    assert all(0 <= value <= 100 for value in changes(polled, batches, "Battery.M_SID_0x220101_StateOfChargeBMS"))
    assert all(-10 <= value <= 40 for value in changes(polled, batches, "Temperature.M_SID_0x220100_IndoorTemp"))
    counts = [batch.ledger.counts for batch in batches]
    assert sum(each.get(Count.FRAMES, 0) for each in counts) == 2010
    assert sum(each.get(Count.CHECKSUM, 0) for each in counts) == 0
    # 30 answers stop after their first frame: nobody gave them leave to go on. The last one could still have come.
    assert sum(each.get(Count.WRONG_LENGTH, 0) for each in counts) == 29
