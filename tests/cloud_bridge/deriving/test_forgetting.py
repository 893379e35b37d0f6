"""What is derived is forgotten in steps: between any two of them readers find the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_bridge.store.port.errors import StaleError
from cloud_bridge.store.sqlite.derived import SqliteDerived
from cloud_bridge.store.sqlite.reader import SqliteReader
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.deriving.derived import BOOT, answers, derived
from tests.cloud_bridge.vehicle import VIN, Boot, undecodable


def left_off(store: SqliteDerived, steps: int, at_once: int = 2) -> None:
    """A process that is killed after so many steps of a rebuild."""
    profile = store.extent(VIN).profile
    for _ in zip(range(steps), store.forget(VIN, profile, at_once), strict=False):
        pass


FORGETTING = range(1, 8)
"""How many steps: after the last of these it is over (`lived`, two rows at once)."""


def lived(cloud: Cloud) -> None:
    """Of everything something: of a boot that waits for its time, and what cannot be decoded, too."""
    cloud.send_manifest()
    waiting = Boot(b"w" * 16, anchor=None)
    cloud.send(*[BOOT.payload(number, oil=number > 2) for number in range(6)], waiting.payload(0))
    cloud.send(undecodable(BOOT.upload(7)))
    cloud.deriver.derive(VIN)


@pytest.mark.parametrize("steps", FORGETTING)
def test_a_reader_in_the_middle_of_a_rebuild_by_another_process_finds_what_it_would_without(
    cloud: Cloud, steps: int
) -> None:
    lived(cloud)
    before = answers(cloud)
    calls: list[str] = []

    def derive(vin: str) -> None:
        calls.append(vin)
        if len(calls) > 1:
            cloud.deriver.derive(vin)
            return
        left_off(SqliteDerived(cloud.database), steps)

    cloud.reader = SqliteReader(cloud.database, derive, derive)
    assert answers(cloud) == before
    assert len(calls) > 1


@pytest.mark.parametrize("steps", FORGETTING)
def test_a_rebuild_that_is_killed_between_two_steps_is_taken_up_by_whoever_derives_next(
    cloud: Cloud, tmp_path: Path, steps: int
) -> None:
    lived(cloud)
    told, rows, waits = answers(cloud), derived(cloud), cloud.rows("pending")
    left_off(SqliteDerived(cloud.database), steps)
    assert SqliteDerived(cloud.database).extent(VIN).is_half_forgotten == (steps < FORGETTING[-1])
    cloud.database.close()
    again = Cloud(tmp_path)
    assert again.deriver.sweep() == 1
    assert (answers(again), derived(again), again.rows("pending")) == (told, rows, waits)
    left_off(SqliteDerived(again.database), steps)
    assert not again.deriver.rebuild(VIN)
    assert answers(again) == told
    again.database.close()


def test_what_comes_while_a_vehicle_is_being_forgotten_is_derived_with_the_rest(cloud: Cloud, tmp_path: Path) -> None:
    lived(cloud)
    uploads = iter([BOOT.payload(20), Boot(b"a" * 16).payload(0), Boot(b"z" * 16).payload(0)])
    for _ in SqliteDerived(cloud.database).forget(VIN, SqliteDerived(cloud.database).extent(VIN).profile, 2):
        cloud.send(*[payload for payload in [next(uploads, None)] if payload is not None])
    (tmp_path / "other").mkdir()
    other = Cloud(tmp_path / "other")
    other.register_both()
    lived(other)
    other.send(BOOT.payload(20), Boot(b"a" * 16).payload(0), Boot(b"z" * 16).payload(0))
    assert (answers(cloud), derived(cloud)) == (answers(other), derived(other))
    other.database.close()


def test_of_two_processes_that_forget_a_vehicle_at_once_the_second_looks_again(cloud: Cloud) -> None:
    lived(cloud)
    told, rows = answers(cloud), derived(cloud)
    store = SqliteDerived(cloud.database)
    profile = store.extent(VIN).profile
    one, other = (store.forget(VIN, profile, 2) for _ in range(2))
    with pytest.raises(StaleError):
        for _ in zip(one, other, strict=True):
            pass
    assert (answers(cloud), derived(cloud)) == (told, rows)
