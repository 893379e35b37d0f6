from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.bus.recording import Recording
from agent.plan.compiling import compile_plan
from agent.plan.events import PlannedCrash
from agent.plan.events import Recording as Recorded
from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from agent.sampling.crash import CrashWatch
from agent.sampling.sampler import Sampler
from contract.upload import Reason
from tests.conftest import ROOT

VEHICLES = ROOT / "config" / "vehicles"
COMMUTE = "data/logs/car_obd2_gnss_imu_css_trip1_40min.log.gz"
HARD_BRAKE = "data/logs/alfa_giulia_recan_exp3_12s_hard_brake.log.gz"
RAV4 = "data/logs/toyota_rav4_2018_comma2k19_60s.log.gz"


def watch(*, message: bool = False, acceleration: int = 1, speed: bool = True, alone: bool = False) -> CrashWatch:
    """Of a car with some witnesses."""
    return CrashWatch(
        PlannedCrash(
            message=(lambda lookup: lookup("Airbag.Fired")) if message else None,
            message_names=("Airbag.Fired",) if message else (),
            windows=(),
            acceleration=tuple((axis, 1.0) for axis in range(acceleration)),
            speed=(lambda lookup: lookup("Car.Speed")) if speed else None,
            speed_names=("Car.Speed",) if speed else (),
            velocity_change_kmh=7.0,
            within_ms=120,
            alone=alone,
            recording=Recorded(0, 0, ()),
        )
    )


def half_sine(kmh: float, length_ms: int) -> Callable[[int], float]:
    """The deceleration, in m/s², that takes `kmh` off in `length_ms`, so long after it began."""
    peak = kmh / 3.6 * math.pi / 2 / (length_ms / 1000)
    return lambda at_ms: peak * math.sin(math.pi * at_ms / length_ms) if 0 <= at_ms <= length_ms else 0.0


def felt(
    crash: CrashWatch,
    pulse: Callable[[int], float],
    *,
    speed: Callable[[int], float] | None = None,
    fires_ms: int | None = None,
    every_ms: int = 10,
    speed_every_ms: int = 20,
) -> list[int]:
    """When it was a crash: 3 s of accelerations and speeds, with a pulse 2 s after the beginning."""
    found = []
    for at_ms in range(5000):
        happened = False
        if at_ms % every_ms == 0:
            happened |= crash.accelerates(at_ms, [(0, 0.4 - pulse(at_ms - 2000))])
        if fires_ms is not None and at_ms % 50 == 0:
            happened |= crash.says(at_ms, crash=at_ms >= fires_ms)
        if speed is not None and at_ms % speed_every_ms == 7:
            happened |= crash.moves(at_ms, speed(at_ms))
        if happened:
            found.append(at_ms)
    return found


def slowing(kmh: float, by: float, at_ms: int = 2000) -> Callable[[int], float]:
    return lambda now_ms: kmh - by * min(1.0, max(0.0, (now_ms - at_ms) / 90))


@pytest.mark.parametrize("kmh", [8.0, 20.0, 60.0])
def test_a_pulse_with_a_speed_that_drops_is_a_crash_once(kmh: float) -> None:
    (at_ms,) = felt(watch(), half_sine(kmh, 90), speed=slowing(70, kmh))
    assert 2000 < at_ms <= 2150


def test_a_pulse_without_a_drop_and_a_drop_without_a_pulse_are_none() -> None:
    assert felt(watch(), half_sine(20, 90), speed=slowing(70, 0)) == []
    assert felt(watch(), half_sine(20, 90), speed=slowing(70, 8)) == []
    assert felt(watch(), half_sine(0, 90), speed=slowing(70, 20)) == []


def test_a_change_of_velocity_below_the_threshold_is_none() -> None:
    assert felt(watch(), half_sine(6.8, 90), speed=slowing(70, 6.8)) == []


def test_braking_however_hard_is_none() -> None:
    def braking(at_ms: int) -> float:
        return 10.0 * min(1.0, max(0.0, at_ms / 150))

    assert felt(watch(), braking, speed=lambda at_ms: 70 - max(0.0, at_ms - 2000) * 0.0354) == []


def test_a_bump_while_the_driver_brakes_hard_is_none() -> None:
    """The pulse would be enough; what the brakes take off in the meantime is not a drop that fits."""

    def braked(at_ms: int) -> float:
        return 70 - max(0.0, min(2000.0, at_ms - 2000)) * 3 * 3.6 / 1000

    assert felt(watch(), half_sine(14, 60), speed=braked) == []


def test_what_is_steady_is_no_pulse_on_whatever_axis() -> None:
    crash = watch(acceleration=3, speed=False, alone=True)
    assert not any(crash.accelerates(at_ms, [(0, 9.81), (1, -12.0), (2, 9.0)]) for at_ms in range(0, 5000, 10))


def test_accelerations_are_not_added_up_across_a_gap() -> None:
    crash = watch(speed=False, alone=True)
    for at_ms in range(0, 2000, 10):
        assert not crash.accelerates(at_ms, [(0, 0.0)])
    assert not crash.accelerates(2090, [(0, -60.0)])
    assert not crash.accelerates(2100, [(0, -60.0)])


def test_a_message_needs_another_witness_where_the_car_has_one() -> None:
    assert felt(watch(message=True), half_sine(0, 90), speed=slowing(70, 0), fires_ms=2000) == []
    assert len(felt(watch(message=True), half_sine(0, 90), speed=slowing(70, 20), fires_ms=2000)) == 1
    assert len(felt(watch(message=True), half_sine(20, 90), fires_ms=2050)) == 1
    assert len(felt(watch(message=True), half_sine(20, 90), speed=slowing(70, 20), fires_ms=2000)) == 1


def test_the_one_witness_that_a_car_has_is_enough_if_it_is_the_message() -> None:
    alone = watch(message=True, acceleration=0, speed=False)
    assert [at_ms for at_ms in range(0, 3000, 50) if alone.says(at_ms, crash=at_ms >= 2000)] == [2000]
    # One that stands cannot slow.
    standing = watch(message=True, acceleration=0)
    standing.moves(1990, 0.0)
    assert standing.says(2000, crash=True)
    moving = watch(message=True, acceleration=0)
    moving.moves(1500, 50.0)
    assert not moving.says(2000, crash=True)
    assert moving.moves(2100, 30.0)


def test_accelerations_alone_are_enough_only_where_the_profile_says_so() -> None:
    assert felt(watch(speed=False), half_sine(20, 90)) == []
    assert len(felt(watch(speed=False, alone=True), half_sine(20, 90))) == 1
    assert len(felt(watch(alone=True), half_sine(20, 90), speed=lambda _: 0.0)) == 1
    assert felt(watch(alone=True), half_sine(20, 90), speed=lambda _: 50.0) == []


def frames_of(plan: Plan, log: Path) -> list[Frame]:
    losses = Losses()
    frames = [frame for batch in Recording([log], tuple(plan.buses), {}, losses).batches() for frame in batch]
    assert losses.unreadable == 0
    return frames


def sampled(plan: Plan, frames: list[Frame]) -> list[Batch]:
    sampler = Sampler(plan, 0)
    batches = sampler.feed(frames)
    last = sampler.close(frames[-1].at_ms, Reason.SLEEP)
    return [*batches, last] if last is not None else batches


def crashes(batches: Iterable[Batch]) -> set[int]:
    return {event.at_ms for batch in batches for event in batch.events if event.name == "crash"}


@pytest.fixture(scope="module")
def commuting() -> Plan:
    return compile_plan(VEHICLES / "obd2-canmod.toml")


@pytest.fixture(scope="module")
def commute(shared: Path, commuting: Plan) -> list[Frame]:
    return frames_of(commuting, shared / COMMUTE)


def around(frames: list[Frame], *moments_ms: int, by_ms: int = 20_000) -> list[Frame]:
    """What was said around some moments, in one piece each."""
    found = []
    for moment_ms in moments_ms:
        first = bisect_left(frames, moment_ms - by_ms, key=lambda frame: frame.at_ms)
        last = bisect_left(frames, moment_ms + by_ms, key=lambda frame: frame.at_ms)
        found += frames[first:last]
    return found


SPIKES_MS = (225_296, 712_427, 1_400_449)
"""Where the box says -64 m/s² on all axes, and that it is not valid."""


def test_the_spikes_of_a_real_commute_raise_no_crash(commuting: Plan, commute: list[Frame]) -> None:
    frames = around(commute, *SPIKES_MS)
    assert sum(frame.id == 9 and frame.bus == "can1" and not frame.data[0] & 1 for frame in frames) == 3
    assert crashes(sampled(commuting, frames)) == set()


def test_the_spikes_raise_none_even_if_nothing_says_that_they_are_invalid(commute: list[Frame], tmp_path: Path) -> None:
    text = (VEHICLES / "obd2-canmod.toml").read_text().replace(", valid_when = \"Imu.ImuValid == 'Yes'\"", "")
    assert text.count("ImuValid") == 0
    file = tmp_path / "obd2-canmod.toml"
    file.write_text(text.replace("../../dbc", str(ROOT / "dbc")))
    assert crashes(sampled(compile_plan(file), around(commute, *SPIKES_MS))) == set()


@pytest.mark.slow
def test_a_whole_real_commute_raises_no_crash(commuting: Plan, commute: list[Frame]) -> None:
    assert crashes(sampled(commuting, commute)) == set()


def test_a_real_hard_braking_raises_no_crash(shared: Path) -> None:
    plan = compile_plan(VEHICLES / "alfa-giulia.toml")
    assert crashes(sampled(plan, frames_of(plan, shared / HARD_BRAKE))) == set()


def test_a_real_motorway_minute_raises_no_crash(shared: Path, tmp_path: Path) -> None:
    database = (shared / "data/dbc/toyota_rav4_merged.dbc").resolve()
    file = tmp_path / "rav4.toml"
    file.write_text(f"""model = "rav4"
label = "RAV4"
brand = "Toyota"
motorization = "Thermic"
[buses.can0]
databases = ["{database}"]
[classes]
fast = {{ every = "1s" }}
[signals]
"YGS1S03.GL1X" = {{ class = "fast" }}
"YGS1S03.GL2Y" = {{ class = "fast" }}
"WHEEL_SPEEDS.WHEEL_SPEED_FR" = {{ class = "fast" }}
[data]
"kinetic.speed" = {{ from = "WHEEL_SPEEDS.WHEEL_SPEED_FR" }}
[crash]
acceleration = ["YGS1S03.GL1X", "YGS1S03.GL2Y"]
""")
    plan = compile_plan(file)
    assert crashes(sampled(plan, frames_of(plan, shared / RAV4))) == set()


CRASH_MS = 1_000_000


def with_a_crash(frames: list[Frame], kmh: float) -> list[Frame]:
    """The drive, with a pulse of 90 ms along X, and from then on a speed that is less by as much."""
    pulse = half_sine(kmh, 90)
    found = []
    for frame in frames:
        since_ms = frame.at_ms - CRASH_MS
        if frame.bus == "can1" and frame.id == 9 and 0 <= since_ms <= 90:
            bits = int.from_bytes(frame.data, "little")
            raw = (bits >> 1) & 1023
            hit = min(1023, max(0, raw - round(pulse(since_ms) / 0.125)))
            frame = frame._replace(data=((bits & ~(1023 << 1)) | hit << 1).to_bytes(8, "little"))
        elif frame.bus == "can0" and frame.data[1:3] == b"\x41\x0d" and since_ms > 0:
            slowed = max(0, frame.data[3] - round(kmh * min(1.0, since_ms / 90)))
            frame = frame._replace(data=frame.data[:3] + bytes([slowed]) + frame.data[4:])
        found.append(frame)
    return found


def test_a_pulse_merged_into_a_real_drive_is_one_crash_with_all_that_was_said_around_it(
    commuting: Plan, commute: list[Frame]
) -> None:
    frames = with_a_crash(around(commute, CRASH_MS), 20)
    batches = sampled(commuting, frames)
    (at_ms,) = crashes(batches)
    # The box felt it at once; that the car slowed is known with the next answer, half a second later at most.
    assert CRASH_MS < at_ms <= CRASH_MS + 700
    number = next(n for n, signal in enumerate(commuting.signals) if signal.name == "Imu.AccelerationX")
    said = [change.at_ms for batch in batches[:-1] for change in batch.changes if change.signal == number]
    valid = [frame.at_ms for frame in frames if frame.bus == "can1" and frame.id == 9 and frame.data[0] & 1]
    assert said == [each for each in valid if at_ms - 10_000 <= each <= at_ms + 10_000]


def test_a_giulia_that_is_hit_is_one_crash(shared: Path) -> None:
    """Its sensor ends at 2 g and is smoothed: 40 km/h in 150 ms hold it at its end for long enough."""
    plan = compile_plan(VEHICLES / "alfa-giulia.toml")
    frames = frames_of(plan, shared / HARD_BRAKE)
    counters: dict[int, int] = {}
    hit_ms = frames[0].at_ms + 6000
    found = []
    for frame in frames:
        since_ms = frame.at_ms - hit_ms
        data = bytearray(frame.data)
        if frame.id == 0xFE and 0 <= since_ms <= 150:
            raw = round((-19.9 + 20.48) / 0.01)
            data[0], data[1] = raw >> 4, (raw & 15) << 4 | data[1] & 15
        elif frame.id == 0xEE and since_ms > 0:
            bits = int.from_bytes(data, "big")
            for shift in (64 - 13, 64 - 13 * 2, 64 - 13 * 3, 64 - 13 * 4):
                bits &= ~(0x1FFF << shift)
            data = bytearray(bits.to_bytes(8, "big"))
        if data != frame.data:
            data[7] = crc8(bytes(data[:7]))
            counters[frame.id] = counters.get(frame.id, 0) + 1
            frame = frame._replace(data=bytes(data))
        found.append(frame)
    assert len(counters) == 2
    assert len(crashes(sampled(plan, found))) == 1


def crc8(data: bytes) -> int:
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x1D if crc & 0x80 else crc << 1) & 0xFF
    return crc ^ 0xFF
