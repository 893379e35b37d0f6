"""Bytes a sample on the wire, and what coding costs: the real RAV4 minute, 9,735 samples in 75 columns.

Whole payloads count: envelope, ledger, time anchor and columns; each upload is decoded alone before it is counted.
"""

from __future__ import annotations

import gzip
import json
import time
import zlib
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import cbor2
import msgspec

from bench.measure import Measure
from contract.manifest import Group, Manifest, Sampling, Signal, manifest_id
from contract.upload import (
    Anchor,
    AnchorSource,
    Count,
    Grid,
    Ledger,
    Reason,
    Upload,
    decode_upload,
    encode_upload,
    read_header,
)

SAMPLES = Path("data/bench/rav4_minute_samples.json.gz")
INTERVALS_MS = (100, 1000)
START_MS = 86_400_000
"""The box runs for a day already: times on the wire are of a usual size."""
FRAMES_A_SECOND = 1650
ROUNDS = 7


class _Column(msgspec.Struct):
    name: str
    interval_ms: int
    scale: float
    offset: float
    raw: list[int]


class _Minute(msgspec.Struct):
    seconds: int
    samples: int
    columns: list[_Column]

    def of(self, interval_ms: int) -> list[_Column]:
        return [column for column in self.columns if column.interval_ms == interval_ms]


@lru_cache
def _minute(shared: Path) -> _Minute:
    return msgspec.json.decode(gzip.decompress((shared / SAMPLES).read_bytes()), type=_Minute)


@lru_cache
def rav4_manifest(shared: Path) -> Manifest:
    """A group for each interval of the recording."""
    minute = _minute(shared)
    return Manifest(
        "toyota-rav4",
        tuple(
            Group(
                Sampling.EVERY,
                interval_ms,
                tuple(Signal(column.name, column.scale, column.offset) for column in minute.of(interval_ms)),
            )
            for interval_ms in INTERVALS_MS
        ),
    )


def rav4_uploads(shared: Path, seconds: int) -> list[Upload]:
    """The minute cut into uploads of `seconds`."""
    minute = _minute(shared)
    identity = manifest_id(rav4_manifest(shared))
    edges = [*range(0, minute.seconds, seconds), minute.seconds]
    return [
        Upload(
            boot=bytes(range(16)),
            sequence=1000 + sequence,
            vin="JTMRJREV1JD000001",
            manifest=identity,
            reason=Reason.CADENCE,
            start_ms=START_MS + 1000 * start,
            end_ms=START_MS + 1000 * end,
            anchor=Anchor(START_MS - 20_000, 1_533_180_079_646, 50, AnchorSource.GNSS),
            ledger=Ledger({Count.FRAMES: FRAMES_A_SECOND * (end - start)}),
            grids=tuple(
                Grid(
                    group,
                    START_MS + 1000 * start,
                    tuple(
                        tuple(column.raw[1000 * start // interval_ms : 1000 * end // interval_ms])
                        for column in minute.of(interval_ms)
                    ),
                )
                for group, interval_ms in enumerate(INTERVALS_MS)
            ),
            changes=(),
        )
        for sequence, (start, end) in enumerate(pairwise(edges))
    ]


def run(shared: Path) -> list[Measure]:
    samples = _minute(shared).samples
    manifest = rav4_manifest(shared)
    measures = []
    payloads: list[bytes] = []
    for seconds, budget in ((60, 0.60), (10, 0.65)):
        uploads = rav4_uploads(shared, seconds)
        payloads = [encode_upload(upload, manifest) for upload in uploads]
        if [decode_upload(payload, manifest) for payload in payloads] != uploads:
            raise RuntimeError(f"uploads of {seconds} s are not decoded as they were encoded")
        baseline = (
            f"JSON map + gzip {_size(_json_gzip(shared, uploads)) / samples:.2f}, "
            f"CBOR differences + zlib {_size(_cbor_zlib(uploads)) / samples:.2f}"
        )
        size = _size(payloads) / samples
        measures.append(Measure(f"wire, {seconds} s uploads", size, "bytes/sample", budget, True, baseline))
        measures += _coding(f"{seconds} s uploads", shared, uploads, payloads)
    header, plain = _microseconds(
        lambda: [read_header(payload) for payload in payloads * 100],
        lambda: [cbor2.loads(payload) for payload in payloads * 100],
    )
    count = 100 * len(payloads)
    baseline = f"cbor2.loads, nothing checked: {plain / count:.1f}"
    measures.append(Measure("wire, header of an upload", header / count, "µs", None, True, baseline))
    return measures


def _coding(what: str, shared: Path, uploads: list[Upload], payloads: list[bytes]) -> list[Measure]:
    """CPU time of coding `uploads` into `payloads` and back."""
    samples = _minute(shared).samples
    manifest = rav4_manifest(shared)
    texts = _json_gzip(shared, uploads)
    encode, json_encode, decode, json_decode = _microseconds(
        lambda: [encode_upload(upload, manifest) for upload in uploads],
        lambda: _json_gzip(shared, uploads),
        lambda: [decode_upload(payload, manifest) for payload in payloads],
        lambda: [json.loads(gzip.decompress(text)) for text in texts],
    )
    measures = []
    for name, ours, others in (("encode", encode, json_encode), ("decode", decode, json_decode)):
        baseline = f"JSON map + gzip {others / samples:.2f}"
        measures.append(Measure(f"wire, {name} {what}", ours / samples, "µs/sample", None, True, baseline))
    return measures


def _size(payloads: list[bytes]) -> int:
    return sum(map(len, payloads))


def _json_gzip(shared: Path, uploads: list[Upload]) -> list[bytes]:
    """For each upload a map of names and physical values for each time, compressed together."""
    minute = _minute(shared)
    payloads = []
    for upload in uploads:
        rows: dict[int, dict[str, float]] = {}
        for grid, interval_ms in zip(upload.grids, INTERVALS_MS, strict=True):
            for column, values in zip(minute.of(interval_ms), grid.columns, strict=True):
                for row, raw in enumerate(values):
                    if raw is not None:
                        at_ms = grid.start_ms + row * interval_ms
                        rows.setdefault(at_ms, {})[column.name] = round(raw * column.scale + column.offset, 9)
        text = json.dumps([{"t": at_ms, **rows[at_ms]} for at_ms in sorted(rows)])
        payloads.append(gzip.compress(text.encode(), 9))
    return payloads


def _cbor_zlib(uploads: list[Upload]) -> list[bytes]:
    """For each upload an array of first differences for each column, compressed together."""
    payloads = []
    for upload in uploads:
        grids = [
            [[values[0], *[b - a for a, b in pairwise([value or 0 for value in values])]] for values in grid.columns]
            for grid in upload.grids
        ]
        payloads.append(zlib.compress(cbor2.dumps([upload.vin, upload.sequence, upload.start_ms, grids]), 9))
    return payloads


def _microseconds(*jobs: Callable[[], object]) -> list[float]:
    """CPU time of each job, the least of several rounds in turn."""
    least = [float("inf")] * len(jobs)
    for _ in range(ROUNDS):
        for index, job in enumerate(jobs):
            started = time.process_time_ns()
            job()
            least[index] = min(least[index], (time.process_time_ns() - started) / 1000)
    return least
