"""A manifest is found under its digest, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from agent.journal.manifests import KEPT, Manifests
from contract.wire import digest
from tests.agent.journal.syncs import watched


def test_a_manifest_is_kept_under_its_digest_over_a_restart(tmp_path: Path) -> None:
    manifest = Manifests(tmp_path / "manifests").put(b"encoded")
    assert manifest == digest(b"encoded")
    assert Manifests(tmp_path / "manifests").get(manifest) == b"encoded"


def test_a_manifest_is_synced_before_it_has_its_name_and_the_name_after(tmp_path: Path) -> None:
    with watched(lambda: [path.suffix for path in tmp_path.iterdir()]) as syncs:
        Manifests(tmp_path).put(b"encoded")
    assert syncs == [("fsync", [".new"]), ("fsync", [".cbor"])]


def test_an_unknown_manifest_and_an_id_that_is_none_are_absent(tmp_path: Path) -> None:
    manifests = Manifests(tmp_path)
    assert manifests.get(digest(b"other")) is None
    assert manifests.get(b"../x") is None


def test_a_damaged_manifest_is_absent_until_it_is_put_again(tmp_path: Path) -> None:
    manifests = Manifests(tmp_path)
    manifest = manifests.put(b"encoded")
    next(tmp_path.glob("*.cbor")).write_bytes(b"encodeD")
    assert manifests.get(manifest) is None
    assert manifests.put(b"encoded") == manifest
    assert manifests.get(manifest) == b"encoded"


def test_the_newest_manifests_stay_and_the_current_one_in_any_case(tmp_path: Path) -> None:
    manifests = Manifests(tmp_path)
    ids = []
    for number in range(KEPT + 5):
        ids.append(manifests.put(b"%d" % number))
        path = tmp_path / f"{ids[-1].hex()}.cbor"
        os.utime(path, (number, number))
    assert manifests.put(b"5") == ids[5]
    kept = [manifest for manifest in ids if manifests.get(manifest) is not None]
    assert len(kept) == KEPT
    assert ids[5] in kept
    assert kept[1:] == ids[-(KEPT - 1) :]
