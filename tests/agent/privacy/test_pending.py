"""What was in the journal when privacy set in: not a byte of a position is in its files, or goes out, afterwards."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.collector import Collector
from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.journal.numbering import Numbering
from agent.plan.plan import Plan
from agent.privacy.enforcing import Enforcing
from agent.privacy.guard import Guard
from agent.privacy.pending import REASON, held_to
from agent.privacy.redaction import redaction_of
from agent.sampling.sampler import Sampler
from contract.manifest import encode_manifest
from contract.upload import Privacy, Reason, Upload, decode_upload
from tests.agent.journal.disks import made, mounted, needs_disks, remounted
from tests.agent.model import motion, state
from tests.agent.privacy import world
from tests.agent.privacy.world import fix, place

VIN = "VR3CANL1FT0000001"
BOOT = bytes(range(16))
STREET = 3_735_928_559
"""Said on change only, and recognisable: the only change of an upload is written as it is."""
GEOLOCATION, FULL = Privacy.GEOLOCATION, Privacy.FULL


@dataclass
class Agent:
    plan: Plan
    folder: Path

    def __post_init__(self) -> None:
        self.manifests = Manifests(self.folder / "manifests")
        self.manifests.put(encode_manifest(self.plan.manifest))
        self.journal = Journal(self.folder / "journal", lambda: 0.0, max_bytes=1 << 20, segment_bytes=2048)
        self.guard = Guard(self.folder / "privacy")
        redaction = redaction_of(self.plan)
        self.evicted = 0

        def remove(now: Privacy) -> bool:
            depth = self.journal.depth
            whole = self.journal.rewrite(
                lambda key, payload: held_to(now, key, payload, redaction, self.manifests), REASON
            )
            self.evicted += depth - self.journal.depth
            return whole

        self.enforcing = Enforcing(Sampler(self.plan, 0), self.plan, self.guard, remove, self.journal.let_go)
        self.collector = Collector(VIN, self.plan.manifest, self.enforcing, Numbering(BOOT), self.journal)

    def drive(self, from_s: int, to_s: int) -> None:
        for second in range(from_s, to_s):
            at_ms = second * 1000
            self.collector.feed(
                [
                    state(at_ms, ignition=1),
                    motion(at_ms + 1, speed=5000 + second % 7),
                    place(at_ms + 2, 123_456_789 + 1000 * second, STREET),
                    fix(at_ms + 500, 234_567_891 + 1000 * second, 345_678_912),
                ]
            )
        self.journal.flush()

    def restrict(self, word: Privacy) -> None:
        self.guard.command(word.value, word, 0, 1 << 60, 0)
        self.collector.advance(0)
        self.enforcing.confirm()

    def uploads(self) -> list[Upload]:
        pending = self.journal.pending(1 << 20)
        found = [decode_upload(stored.payload, self.plan.manifest) for stored in pending]
        return sorted(found, key=lambda upload: upload.sequence)

    def bytes_kept(self) -> bytes:
        return b"".join(path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file())


@pytest.fixture
def agent(plan: Plan, tmp_path: Path) -> Iterator[Agent]:
    made = Agent(plan, tmp_path)
    yield made
    made.journal.close()


def positions(plan: Plan, uploads: list[Upload]) -> list[int]:
    names = [signal.name for group in plan.manifest.groups for signal in group.signals]
    found = [
        raw
        for upload in uploads
        for grid in upload.grids
        for number, column in zip(plan.groups[grid.group].signals, grid.columns, strict=True)
        if names[number] in world.POSITIONAL
        for raw in column
        if raw is not None
    ]
    changes = [change for upload in uploads for change in upload.changes if names[change.signal] in world.POSITIONAL]
    return found + [change.raw for change in changes if change.raw is not None]


def payloads(agent: Agent) -> set[bytes]:
    return {stored.payload for stored in agent.journal.pending(1 << 20)}


def test_pending_uploads_lose_their_positions_and_nothing_else(agent: Agent) -> None:
    agent.drive(1, 400)
    before, old = agent.uploads(), payloads(agent)
    assert len(before) > 5
    assert len(positions(agent.plan, before)) > 500
    agent.restrict(GEOLOCATION)
    after = agent.uploads()
    assert positions(agent.plan, after) == []
    assert agent.evicted == 0
    assert [(upload.sequence, upload.start_ms, upload.ledger) for upload in after[: len(before)]] == [
        (upload.sequence, upload.start_ms, upload.ledger) for upload in before
    ]
    assert {upload.privacy for upload in after} == {GEOLOCATION}
    speeds = [[grid.columns[0] for grid in upload.grids if grid.group == 0] for upload in before]
    assert [[grid.columns[0] for grid in upload.grids if grid.group == 0] for upload in after[: len(before)]] == speeds
    # Not a byte of what was pending is on the disk any more, and the street's number nowhere.
    kept = agent.bytes_kept()
    assert not any(payload in kept for payload in old)
    assert not any(struct.pack(order, STREET) in kept for order in ("<I", ">I"))


def test_what_survives_a_power_cut_right_after_the_change_has_no_position(agent: Agent, tmp_path: Path) -> None:
    agent.drive(1, 200)
    agent.restrict(GEOLOCATION)
    agent.journal.close()
    with Journal(tmp_path / "journal", lambda: 0.0) as reopened:
        kept = [decode_upload(stored.payload, agent.plan.manifest) for stored in reopened.pending(1 << 20)]
    assert len(kept) > 3
    assert positions(agent.plan, kept) == []
    assert {upload.privacy for upload in kept} == {GEOLOCATION}
    assert Guard(tmp_path / "privacy").state is GEOLOCATION


def test_what_a_power_cut_kept_from_being_removed_is_removed_at_the_next_start(agent: Agent, tmp_path: Path) -> None:
    agent.drive(1, 200)
    agent.guard.command("1", GEOLOCATION, 0, 1 << 60, 0)
    agent.journal.close()
    again = Agent(agent.plan, tmp_path)
    assert len(positions(again.plan, again.uploads())) > 100
    again.collector.advance(0)
    again.enforcing.confirm()
    assert positions(again.plan, again.uploads()) == []
    assert again.guard.told
    again.journal.close()


def test_in_full_privacy_what_was_pending_is_deleted_and_named(agent: Agent) -> None:
    agent.drive(1, 200)
    numbers = [upload.sequence for upload in agent.uploads()]
    old = payloads(agent)
    agent.restrict(FULL)
    (only,) = agent.uploads()
    assert (only.privacy, only.grids, only.changes, only.reason) == (FULL, (), (), Reason.EVENT)
    (evicted,) = only.ledger.evicted
    assert (evicted.first, evicted.last, evicted.reason) == (numbers[0], numbers[-1], "privacy")
    agent.drive(200, 400)
    assert agent.uploads() == [only]
    kept = agent.bytes_kept()
    assert not any(payload in kept for payload in old)


def test_an_upload_whose_manifest_is_gone_is_deleted(agent: Agent) -> None:
    agent.drive(1, 100)
    pending = agent.journal.depth
    for path in agent.manifests.folder.iterdir():
        path.unlink()
    agent.restrict(GEOLOCATION)
    assert agent.evicted == pending
    assert [upload.privacy for upload in agent.uploads()] == [GEOLOCATION] * agent.journal.depth


def test_segments_that_the_disk_refuses_to_replace_are_deleted(agent: Agent) -> None:
    agent.drive(1, 200)
    for path in (agent.folder / "journal").glob("*.segment"):
        (path.parent / (path.name + ".new")).mkdir()
    agent.restrict(GEOLOCATION)
    assert positions(agent.plan, agent.uploads()) == []
    assert agent.evicted > 0
    assert agent.journal.refused_writes > 0
    assert Guard(agent.folder / "privacy").told


@needs_disks
def test_what_a_read_only_disk_keeps_is_deleted_and_noted_as_soon_as_it_lets_it_go(plan: Plan, tmp_path: Path) -> None:
    with mounted(made(tmp_path / "disk", 8 << 20), tmp_path / "mnt") as folder:
        agent = Agent(plan, folder)
        with agent.journal:
            agent.drive(1, 200)
            old = payloads(agent)
            remounted(folder, "ro")
            agent.restrict(GEOLOCATION)
            assert positions(plan, agent.uploads()) == []
            agent.collector.advance(400_000)
            agent.enforcing.confirm()
            told = [agent.guard.told]
            assert any(payload in agent.bytes_kept() for payload in old)
            remounted(folder, "rw")
            agent.collector.advance(500_000)
            agent.enforcing.confirm()
            assert [*told, agent.guard.told] == [False, True]
            assert not any(payload in agent.bytes_kept() for payload in old)


def test_what_was_collected_under_another_profile_says_only_what_the_one_of_now_knows(
    agent: Agent, tmp_path: Path
) -> None:
    agent.drive(1, 200)
    positionless = world.PROFILE.replace('"Place.Longitude" = { class = "fast" }\n', "").replace(
        '"Place.Longitude", ', ""
    )
    now = world.plan(tmp_path, positionless)
    assert "Place.Longitude" not in now.privacy.positional
    redaction = redaction_of(now)
    assert positions(agent.plan, agent.uploads())
    agent.journal.rewrite(lambda key, payload: held_to(GEOLOCATION, key, payload, redaction, agent.manifests), REASON)
    left = agent.uploads()
    assert not positions(agent.plan, left)
    assert any(raw is not None for upload in left for grid in upload.grids for column in grid.columns for raw in column)
