"""Any manifest, upload and receipt that the wire can carry, for property tests."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from contract.manifest import Group, Manifest, Sampling, Signal
from contract.receipt import Receipt
from contract.upload import (
    Anchor,
    AnchorSource,
    Change,
    Count,
    Event,
    Evicted,
    Grid,
    Ledger,
    Privacy,
    Reason,
    Upload,
)

VIN_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"

raws = st.one_of(
    st.integers(0, 1),
    st.integers(-200, 200),
    st.integers(-(2**63), 2**64 - 1),
)
vins = st.text(VIN_LETTERS, min_size=17, max_size=17)
sequences = st.integers(0, 2**53 - 1)
finite = st.floats(allow_nan=False, allow_infinity=False)
scales = st.one_of(st.sampled_from([1, 0.1, 0.01, 0.03125, 1e-7, 2.5]), st.integers(-1000, 1000), finite)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@st.composite
def manifests(draw: st.DrawFn, groups: int = 4, signals: int = 6) -> Manifest:
    names = draw(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=groups * signals))
    names = [name for name in names if name.isprintable()]
    cuts = sorted(draw(st.lists(st.integers(0, len(names)), min_size=0, max_size=groups)))
    edges = [0, *cuts, len(names)]
    return Manifest(
        draw(texts),
        tuple(
            Group(
                draw(st.sampled_from(Sampling)),
                draw(st.sampled_from([10, 100, 1000, 10_000])),
                tuple(
                    Signal(
                        name,
                        draw(scales),
                        draw(scales),
                        draw(texts),
                        draw(st.dictionaries(raws, texts, max_size=3)),
                    )
                    for name in names[start:end]
                ),
            )
            for start, end in pairwise(edges)
        ),
    )


def columns(rows: int) -> st.SearchStrategy[tuple[int | None, ...]]:
    """A column as signals make them: constant, mostly so, wandering, wild, and with or without gaps."""
    small_steps = st.lists(st.sampled_from([0, 0, 0, 0, 1, -1, 7]), min_size=rows, max_size=rows).map(
        lambda steps: tuple(1000 + sum(steps[: row + 1]) for row in range(rows))
    )
    return st.one_of(
        raws.map(lambda raw: (raw,) * rows),
        small_steps,
        st.tuples(st.integers(-100, 100), st.integers(0, 50)).map(
            lambda line: tuple(line[0] + row * line[1] for row in range(rows))
        ),
        st.lists(raws, min_size=rows, max_size=rows).map(tuple),
        st.lists(st.one_of(st.none(), raws), min_size=rows, max_size=rows).map(tuple),
        st.lists(st.sampled_from([None, None, None, 5]), min_size=rows, max_size=rows).map(tuple),
    )


@st.composite
def uploads(draw: st.DrawFn, manifest: Manifest, identity: bytes) -> Upload:
    start_ms = draw(st.integers(0, 2**41))
    duration_ms = draw(st.integers(1, 600_000))
    grids = []
    for index, group in enumerate(manifest.groups):
        for _ in range(draw(st.integers(0, 2))):
            offset_ms = draw(st.integers(0, duration_ms - 1))
            stride = draw(st.sampled_from([1, 1, 1, 2, 7, 1000]))
            most = min(40, 1 + (duration_ms - 1 - offset_ms) // (group.interval_ms * stride))
            rows = draw(st.integers(1, most))
            if group.signals:
                grids.append(
                    Grid(
                        index,
                        start_ms + offset_ms,
                        tuple(draw(columns(rows)) for _ in group.signals),
                        stride,
                    )
                )
    count = sum(len(group.signals) for group in manifest.groups)
    times = sorted(draw(st.lists(st.integers(0, duration_ms - 1), max_size=20))) if count else []
    changes = [
        Change(start_ms + at_ms, draw(st.integers(0, count - 1)), draw(st.one_of(st.none(), raws))) for at_ms in times
    ]
    return Upload(
        boot=draw(st.binary(min_size=16, max_size=16)),
        sequence=draw(sequences),
        vin=draw(vins),
        manifest=identity,
        reason=draw(st.sampled_from(Reason)),
        start_ms=start_ms,
        end_ms=start_ms + duration_ms,
        anchor=draw(st.one_of(st.none(), anchors)),
        ledger=draw(ledgers),
        grids=tuple(grids),
        changes=tuple(changes),
        privacy=draw(st.sampled_from(Privacy)),
        events=draw(st.lists(events, max_size=3).map(tuple)),
    )


anchors = st.builds(
    Anchor,
    st.integers(0, 2**42 - 1),
    st.integers(0, 2**43 - 1),
    st.integers(0, 2**42 - 1),
    st.sampled_from(AnchorSource),
)


events = st.builds(Event, st.integers(0, 2**42 - 1), texts)


@st.composite
def _evicted(draw: st.DrawFn) -> Evicted:
    first, last = sorted((draw(sequences), draw(sequences)))
    return Evicted(first, last, draw(texts), draw(st.one_of(st.none(), st.binary(min_size=16, max_size=16))))


ledgers = st.builds(
    Ledger,
    st.dictionaries(st.sampled_from(Count), st.integers(1, 2**53 - 1)),
    st.lists(_evicted(), max_size=3).map(tuple),
)


@st.composite
def _held(draw: st.DrawFn) -> range:
    first, last = sorted((draw(sequences), draw(sequences)))
    return range(first, last + 1)


receipts = st.builds(
    Receipt,
    st.binary(min_size=16, max_size=16),
    st.lists(_held(), max_size=5).map(tuple),
    st.lists(st.binary(min_size=8, max_size=8), max_size=3).map(tuple),
    st.lists(st.binary(min_size=8, max_size=8), max_size=3).map(tuple),
    st.one_of(st.none(), st.integers(0, 2**43 - 1)),
)
