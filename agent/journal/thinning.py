"""Thinning: an upload with every second row left out, which takes about half the room.

Grids lose the rows with odd numbers and their stride doubles, so that what is left lies where it lay: thinning twice is
taking every fourth row. A grid of one row, and every change, stay. The upload keeps its number, and its ledger counts
the samples that were left out (`Count.THINNED`).
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from contract.manifest import Manifest, decode_manifest
from contract.upload import Count, Grid, Upload, decode_upload, encode_upload, read_header
from contract.wire import WireError

MOST = 4
"""How often an upload is thinned: to every sixteenth row."""


def thinned(upload: Upload) -> tuple[Upload, int]:
    """The upload with every second row of its grids left out, and how many samples that cost: 0 if there was none."""
    grids = tuple(map(_every_second_row, upload.grids))
    lost = sum(map(_samples, upload.grids)) - sum(map(_samples, grids))
    if grids == upload.grids:
        return upload, 0
    counts = upload.ledger.counts
    ledger = replace(upload.ledger, counts={**counts, Count.THINNED: counts.get(Count.THINNED, 0) + lost})
    return replace(upload, grids=grids, ledger=ledger), lost


def thinned_payload(payload: bytes, manifest_of: Callable[[bytes], bytes | None]) -> tuple[bytes, int] | None:
    """An upload as encoded, thinned, and how many samples that cost.

    `manifest_of` gives a manifest as encoded by its id. None when there is nothing to gain, or it cannot be read.
    """
    try:
        encoded = manifest_of(read_header(payload).manifest)
        if encoded is None:
            return None
        manifest: Manifest = decode_manifest(encoded)
        upload, lost = thinned(decode_upload(payload, manifest))
        shorter = encode_upload(upload, manifest) if lost else payload
    except WireError:
        return None
    return (shorter, lost) if len(shorter) < len(payload) else None


def _every_second_row(grid: Grid) -> Grid:
    if not grid.columns or len(grid.columns[0]) < 2:
        return grid
    return replace(grid, columns=tuple(column[::2] for column in grid.columns), stride=2 * grid.stride)


def _samples(grid: Grid) -> int:
    return sum(len(column) - column.count(None) for column in grid.columns)
