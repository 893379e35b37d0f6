"""A list that came is watched by the sampler that runs, and its frames are read one by one."""

from __future__ import annotations

from pathlib import Path

from agent.bus.wanted import Ident
from agent.health.snapshot import WatchingHealth
from agent.sampling.sampler import Sampler
from agent.settings.commands import CommandsSettings
from agent.watching.applying import Applying
from agent.watching.desired import Desired
from tests.agent import model
from tests.agent.model import motion, state
from tests.agent.watching.lists import FAST, KEYS, LOCKS, THEIRS, VIN, document, signed


def test_a_list_is_applied_once_read_frame_by_frame_and_shown_in_health(tmp_path: Path) -> None:
    plan = model.plan(tmp_path)
    desired, sampler = Desired(VIN, tmp_path / "watch", KEYS), Sampler(plan, 0)
    read: list[dict[str, set[Ident]]] = []
    applying = Applying(desired, plan, sampler, CommandsSettings(watch_an_hour=6), read.append)
    assert not applying.tick()
    assert applying.health() == WatchingHealth()
    desired.receive(signed(document(7, FAST, LOCKS)))
    desired.receive(signed(document(8), key=THEIRS))
    assert applying.tick()
    assert not applying.tick()
    assert read == [{"can0": {(0x200, False)}}]
    batches = sampler.feed([state(0), *(motion(at_ms, at_ms % 2 * 8000) for at_ms in range(1, 6))])
    assert [batch.events[0].at_ms for batch in batches] == [3]
    assert applying.health() == WatchingHealth(list_number=7, watched=1, skipped=1, held_back=1, refused=1)
    desired.receive(signed(document(9)))
    assert applying.tick()
    assert read[1:] == [{}]
    assert applying.health() == WatchingHealth(list_number=9, held_back=1, refused=1)
