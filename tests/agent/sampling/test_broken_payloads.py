"""Frames that do not hold what their database says: cut short, or of a page that it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agent.bus.frame import Frame
from agent.plan.compiling import compile_plan
from agent.plan.compiling_events import without_events
from agent.plan.plan import Plan
from contract.profile.events import BUILT_IN
from contract.upload import Count
from tests.agent import model
from tests.agent.model import motion, page
from tests.agent.sampling.sampled import awake, changes, grid, sampled, total
from tests.conftest import ROOT

LIMIT_MS = 2_000
"""For so long a value of Motion counts."""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """All is sampled each second, and nothing of Motion is looked at frame by frame."""
    profile = model.PROFILE.replace('"Motion.Level" = { class = "slow"', '"Motion.Level" = { class = "fast"')
    profile = profile.replace('"Motion.Oil" = { class = "state", valid_when = "Motion.Test == 0" }\n', "")
    profile = profile[: profile.index("[alerts]")] + profile[profile.index("[clock]") :]
    found = model.plan(tmp_path_factory.mktemp("model"), profile)
    assert not next(message for message in found.messages if message.name == "Motion").eager
    return found


def cut(frame: Frame, length: int) -> Frame:
    return frame._replace(data=frame.data[:length])


def test_a_frame_that_is_cut_short_gives_what_it_holds_and_takes_back_nothing(plan: Plan) -> None:
    frames = [
        *awake(6000),
        motion(900, speed=100, level=60),
        cut(motion(1900, speed=200, level=61), 2),
        motion(2900, speed=300, level=62),
        *(cut(motion(at_ms, speed=400, level=63), 2) for at_ms in range(3000, 6000, 100)),
    ]
    batches = sampled(plan, frames)
    assert grid(plan, batches, "Motion.Speed") == {0: None, 1000: 100, 2000: 200, 3000: 400, 4000: 400, 5000: 400}
    # The last one came at 2900: after two seconds it is stale, however many frames came that hold none.
    assert grid(plan, batches, "Motion.Level") == {0: None, 1000: 60, 2000: 60, 3000: 62, 4000: 62, 5000: None}
    assert total(batches, Count.WRONG_LENGTH) == 31


def test_a_frame_that_is_cut_short_does_not_end_an_on_change_signal(tmp_path: Path) -> None:
    plan = model.plan(tmp_path)
    frames = [
        *awake(9000),
        motion(1000, oil=1),
        cut(motion(1500), 3),
        motion(2000, oil=0),
        *(cut(motion(at_ms), 3) for at_ms in range(2500, 7000, 500)),
        motion(7000, oil=0),
    ]
    batches = sampled(plan, frames)
    # What came at 2000 is found stale at the first look after 4000, which each frame is.
    assert changes(plan, batches, "Motion.Oil") == [(1000, 1), (2000, 0), (4500, None), (7000, 0)]
    assert total(batches, Count.WRONG_LENGTH) == 10


@given(st.lists(st.tuples(st.integers(1, 900), st.integers(0, 5), st.integers(0, 190)), min_size=1, max_size=30))
def test_each_signal_is_of_the_newest_frame_that_holds_it(plan: Plan, said: list[tuple[int, int, int]]) -> None:
    frames, at_ms = [], 0
    for gap_ms, length, value in said:
        at_ms += gap_ms
        frames.append(cut(motion(at_ms, speed=value, level=value), length))
    batches = sampled(plan, [*awake(at_ms + 5000), *frames])
    for name, needed in (("Motion.Speed", 2), ("Motion.Level", 3)):
        for sampled_ms, raw in grid(plan, batches, name).items():
            holding = [frame for frame in frames if frame.at_ms <= sampled_ms and len(frame.data) >= needed]
            fresh = bool(holding) and sampled_ms - holding[-1].at_ms <= LIMIT_MS
            assert raw == (holding[-1].data[0] if fresh else None)
    assert total(batches, Count.WRONG_LENGTH) == sum(len(frame.data) < 3 for frame in frames)


@pytest.mark.parametrize(("lengths", "each"), [([2, 2, 2, 2], False), ([2, 2, 4, 4], False), ([4, 4, 2, 2], True)])
def test_only_where_a_frame_is_shorter_than_the_one_before_each_is_decoded(
    plan: Plan, lengths: list[int], *, each: bool
) -> None:
    motion_message = next(message for message in plan.messages if message.name == "Motion")
    decoded: list[bytes] = []

    def decode(data: bytes) -> tuple[int | None, ...]:
        decoded.append(data)
        return motion_message.decode(data)

    counting = replace(motion_message, decode=decode)
    counted = replace(plan, messages=tuple(counting if one is motion_message else one for one in plan.messages))
    frames = [cut(motion(10 * step, speed=step), lengths[step // 100]) for step in range(400)]
    assert sampled(counted, [*awake(4000), *frames]) == sampled(plan, [*awake(4000), *frames])
    assert (len(decoded) > 100) is each


def test_a_group_is_not_sampled_where_the_signal_that_it_follows_is_beyond_the_end_of_every_frame(
    tmp_path: Path,
) -> None:
    profile = model.PROFILE.replace('slow = { every = "10s" }', 'slow = { every = "1s", follows = "Motion.Level" }')
    profile = profile.replace('"Motion.Speed" = { class = "fast"', '"Motion.Speed" = { class = "slow"')
    plan = model.plan(tmp_path, profile)
    whole = [motion(at_ms, speed=at_ms, level=61) for at_ms in range(130, 4000, 1000)]
    assert grid(plan, sampled(plan, [*awake(4000), *whole]), "Motion.Speed") == {
        130: 130, 1130: 1130, 2130: 2130, 3130: 3130
    }  # fmt: skip
    assert grid(plan, sampled(plan, [*awake(4000), *(cut(each, 2) for each in whole)]), "Motion.Speed") == {}


def paged(folder: Path, *, selector: bool) -> Plan:
    """A third page has a signal that nobody wants; `selector`: that itself is wanted."""
    database = model.DATABASE.replace(" SG_ Throttle m1", ' SG_ Idle m2 : 8|8@1+ (1,0) [0|0] "" Car\n SG_ Throttle m1')
    profile = model.PROFILE.replace('"Pages.Load"', '"Pages.Page" = { class = "fast" }\n"Pages.Load"')
    file = model.write(folder, profile if selector else model.PROFILE, database)
    return without_events(compile_plan(file), BUILT_IN)


@pytest.mark.parametrize("selector", [False, True])
def test_a_page_that_the_database_lacks_is_counted_and_leaves_the_others_alone(
    tmp_path: Path, *, selector: bool
) -> None:
    plan = paged(tmp_path, selector=selector)
    frames = [*awake(3001), page(900, 0, 11), page(1100, 1, 22), page(1500, 3, 99), page(1600, 255, 99)]
    batches = sampled(plan, frames)
    assert grid(plan, batches, "Pages.Load") == {0: None, 1000: 11, 2000: 11, 3000: 11}
    assert changes(plan, batches, "Pages.Throttle") == [(1100, 22)]
    assert total(batches, Count.INVALID) == 2


def test_a_page_of_which_nothing_is_wanted_is_not_counted(tmp_path: Path) -> None:
    batches = sampled(paged(tmp_path, selector=False), [*awake(3001), page(900, 0, 11), page(1500, 2, 5)])
    assert {total(batches, Count.INVALID), total(batches, Count.WRONG_LENGTH)} == {0}


@pytest.mark.parametrize(("shown", "length", "counted"), [(0, 0, 1), (0, 1, 1), (1, 1, 1), (0, 2, 0), (2, 1, 0)])
def test_a_page_that_is_cut_short_is_counted_where_something_wanted_is_missing(
    tmp_path: Path, shown: int, length: int, counted: int
) -> None:
    plan = paged(tmp_path, selector=False)
    batches = sampled(plan, [*awake(3001), page(900, 0, 11), page(950, 1, 22), cut(page(1500, shown, 11), length)])
    assert grid(plan, batches, "Pages.Load") == {0: None, 1000: 11, 2000: 11, 3000: 11}
    assert changes(plan, batches, "Pages.Throttle") == [(950, 22)]
    assert total(batches, Count.WRONG_LENGTH) == counted
    assert total(batches, Count.INVALID) == 0


def test_an_answer_to_what_another_tester_asks_need_not_be_on_a_page() -> None:
    plan = compile_plan(ROOT / "config" / "vehicles" / "obd2.toml")
    batches = sampled(
        plan,
        [
            Frame(at_ms, "can0", 0x7E8, False, bytes.fromhex(f"04 41 {pid} 1A F8 00 00 00"))
            for at_ms, pid in ((100, "0C"), (200, "66"))
        ],
    )
    assert total(batches, Count.INVALID) == 0
