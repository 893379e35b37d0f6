"""What a sampler made of frames: of a signal its samples and its changes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import strategies as st

from agent.bus.frame import Frame
from agent.gnss.fix import Fix, to_frame
from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from contract.manifest import manifest_id
from contract.upload import Count, Reason, Upload
from tests.agent.model import guarded, motion, number, page, satellite, state


def sampled(plan: Plan, frames: Iterable[Frame]) -> list[Batch]:
    """All batches of a whole life: fed at once, and closed."""
    ordered = sorted(frames, key=lambda frame: frame.at_ms)
    sampler = Sampler(plan, 0)
    batches = sampler.feed(ordered)
    last = sampler.close(ordered[-1].at_ms, Reason.SLEEP)
    return batches if last is None else [*batches, last]


def grid(plan: Plan, batches: Iterable[Batch], name: str) -> dict[int, int | None]:
    """Every grid sample of a signal by its time. Fails where a time was sampled twice."""
    found: dict[int, int | None] = {}
    for batch in batches:
        for each in batch.grids:
            group = plan.groups[each.group]
            if number(plan, name) in group.signals:
                for row, raw in enumerate(each.columns[number(plan, name) - group.signals.start]):
                    at_ms = each.start_ms + row * group.interval_ms
                    assert at_ms not in found
                    assert batch.start_ms <= at_ms < batch.end_ms
                    found[at_ms] = raw
    return found


def changes(plan: Plan, batches: Iterable[Batch], name: str) -> list[tuple[int, int | None]]:
    """What was said of a signal as changes, without what repeats the word before: the restatement before a sleep."""
    said = [
        (change.at_ms, change.raw)
        for batch in batches
        for change in batch.changes
        if change.signal == number(plan, name)
    ]
    return said[:1] + [after for before, after in pairwise(said) if before[1] != after[1]]


def upload(plan: Plan, batch: Batch, sequence: int = 0) -> Upload:
    return Upload(
        bytes(16), sequence, "VF3AAAAAAAA000001", manifest_id(plan.manifest), batch.reason, batch.start_ms,
        batch.end_ms, batch.anchor, batch.ledger, batch.grids, batch.changes,
    )  # fmt: skip


def total(batches: Iterable[Batch], what: Count) -> int:
    return sum(batch.ledger.counts.get(what, 0) for batch in batches)


def awake(until_ms: int, since_ms: int = 0) -> list[Frame]:
    return [state(at_ms) for at_ms in range(since_ms, until_ms, 100)]


frames_of_the_model = st.lists(
    st.one_of(
        st.builds(state, st.integers(0, 150_000), st.integers(0, 3), st.integers(0, 3)),
        st.builds(motion, st.integers(0, 150_000), st.sampled_from([0, 1, 30_000, 65_535]), st.sampled_from([0, 255]),
                  st.integers(0, 1), st.integers(0, 1)),
        st.builds(guarded, st.integers(0, 150_000), st.integers(0, 3), st.integers(0, 2)),
        st.builds(page, st.integers(0, 150_000), st.integers(0, 2), st.integers(0, 3)),
        st.builds(satellite, st.integers(0, 150_000), st.just(1_700_000_000), st.integers(0, 1)),
        st.builds(lambda at_ms: to_frame(Fix(at_ms, longitude=1, latitude=2, fix=2)), st.integers(0, 150_000)),
        st.builds(lambda at_ms: Frame(at_ms, "can0", 0x7FF, False, b""), st.integers(0, 150_000)),
    ),
    min_size=1,
    max_size=60,
)  # fmt: skip
