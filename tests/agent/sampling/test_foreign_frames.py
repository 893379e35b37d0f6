"""A frame with the id of a message that is none of it: of the other kind of CAN, or of another database of the bus."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.bus.frame import Frame
from agent.plan.compiling import compile_plan
from agent.plan.plan import Plan
from agent.sampling.sampler import Sampler
from contract.upload import Count, Reason

FORMATS = ",".join(
    f'"{name}"' for name in ("StandardCAN", "ExtendedCAN", *["r"] * 12, "StandardCAN_FD", "ExtendedCAN_FD")
)
FD_DATABASE = f"""VERSION ""
BS_:
BU_: X
BO_ 256 Long: 12 X
 SG_ Last : 88|8@1+ (1,0) [0|255] "" X
BO_ 257 Short: 8 X
 SG_ First : 0|8@1+ (1,0) [0|255] "" X
BA_DEF_ BO_ "VFrameFormat" ENUM {FORMATS};
BA_DEF_DEF_ "VFrameFormat" "StandardCAN";
BA_ "VFrameFormat" BO_ 256 14;
"""
CLASSIC_DATABASE = """VERSION ""
BS_:
BU_: X
BO_ 257 Other: 8 X
 SG_ Second : 8|8@1+ (1,0) [0|255] "" X
"""


def plan_of(folder: Path, databases: tuple[str, ...], *names: str) -> Plan:
    for number, text in enumerate(databases):
        (folder / f"{number}.dbc").write_text(text)
    files = ", ".join(f'"{number}.dbc"' for number in range(len(databases)))
    signals = "\n".join(f'"{name}" = {{ class = "fast" }}' for name in names)
    (folder / "car.toml").write_text(
        f"""model = "car"
label = "Car"
brand = "Some"
motorization = "Thermic"
[buses.can0]
databases = [{files}]
[classes]
fast = {{ every = "1s" }}
[signals]
{signals}
"""
    )
    return compile_plan(folder / "car.toml", cadence_ms=60_000)


def sampled(plan: Plan, frames: list[Frame]) -> tuple[list[tuple[int | None, ...]], dict[Count, int]]:
    sampler = Sampler(plan, 0)
    assert sampler.feed(frames) == []
    batch = sampler.close(frames[-1].at_ms, Reason.CADENCE)
    assert batch is not None
    return [row for grid in batch.grids for row in zip(*grid.columns, strict=True)], batch.ledger.counts


@pytest.mark.parametrize(("name", "number", "right"), [("Long.Last", 256, True), ("Short.First", 257, False)])
def test_a_frame_of_the_other_kind_of_can_is_counted_and_not_read(
    tmp_path: Path, name: str, number: int, *, right: bool
) -> None:
    plan = plan_of(tmp_path, (FD_DATABASE,), name)
    one, other = (Frame(at_ms, "can0", number, False, bytes([7] * 12), at_ms == 0) for at_ms in (0, 1000))
    if not right:
        one, other = one._replace(fd=False), other._replace(fd=True)
    rows, counts = sampled(plan, [one, other, one._replace(at_ms=2000, data=bytes([9] * 12))])
    assert rows == [(7,), (7,), (9,)]
    assert counts[Count.COLLISION] == 1


def test_a_database_that_says_nothing_of_can_fd_takes_both_kinds(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, (CLASSIC_DATABASE,), "Other.Second")
    rows, counts = sampled(plan, [Frame(at, "can0", 257, False, bytes([at // 1000] * 8), at > 0) for at in (0, 1000)])
    assert rows == [(0,), (1,)]
    assert Count.COLLISION not in counts


def test_frames_whose_id_two_databases_have_are_counted(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, (FD_DATABASE, CLASSIC_DATABASE), "Other.Second")
    rows, counts = sampled(plan, [Frame(at, "can0", 257, False, bytes([3] * 8)) for at in (0, 1000)])
    assert rows == [(3,), (3,)]
    assert counts[Count.COLLISION] == 2
