"""Vehicles that are derived together come out as each alone, and none of them stands or falls with another."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from cloud_bridge.store.port.derived import Extent, Fold, Step
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.derived import SqliteDerived
from cloud_bridge.store.sqlite.erasing import SqliteErasing
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.vehicle import Boot, anchor, encode, undecodable

VINS = [f"VF3TESTCAR{number:07d}" for number in range(1, 7)]
TABLES = ("anchor", "chunk", "status", "record", "implausible", "checkpoint", "pending", "refusal")


@pytest.fixture
def fleet(cloud: Cloud) -> Cloud:
    for vin in VINS[2:]:
        cloud.register(vin)
    return cloud


@contextmanager
def other(folder: Path) -> Iterator[Cloud]:
    """Another bridge with the same vehicles; on the same database where `folder` is the same."""
    cloud = Cloud(folder)
    yield cloud
    cloud.database.close()


def payloads(vin: str) -> list[bytes]:
    """In order, out of order or again; dated late, dated anew, or by nobody; and what cannot be decoded."""
    boot = Boot(vin=vin)
    late = Boot(b"l" * 16, vin=vin, anchor=None)
    found = [boot.payload(number, oil=number > 4) for number in range(8)]
    found += [late.payload(0), Boot(b"l" * 16, vin=vin, anchor=anchor(900_000)).payload(90), found[3]]
    found += [Boot(vin=vin, anchor=anchor(80_000, 900, 5)).payload(8), undecodable(boot.upload(9))]
    return [*found, encode(replace(Boot(b"n" * 16, vin=vin, anchor=None).upload(0), grids=()))]


def committed(cloud: Cloud, seed: int, derive: Callable[[], object]) -> None:
    """`derive`s now and then while all of it comes, in an order that `seed` sets."""
    rng = random.Random(seed)
    waiting = {vin: rng.sample(found, len(found)) for vin in VINS for found in [payloads(vin)]}
    told = set(rng.sample(VINS, 4))
    for vin in told:
        cloud.send_manifest(vin=vin)
    while any(waiting.values()):
        for vin in rng.sample(VINS, rng.randint(1, len(VINS))):
            cloud.send(*[waiting[vin].pop() for _ in range(min(rng.randint(0, 3), len(waiting[vin])))], vin=vin)
        derive()
        assert SqliteDerived(cloud.database).to_derive({}) == []
    for vin in VINS:
        if vin not in told:
            cloud.send_manifest(vin=vin)
    derive()


def each_alone(cloud: Cloud) -> None:
    for vin in VINS:
        cloud.deriver.derive(vin)


@pytest.mark.parametrize(("seed", "look_at"), [(1, 500), (2, 500), (3, 2), (4, 2)])
def test_vehicles_that_are_derived_together_come_out_as_each_alone(
    fleet: Cloud, tmp_path: Path, seed: int, look_at: int
) -> None:
    fleet.deriver._look_at = look_at
    committed(fleet, seed, lambda: fleet.deriver.derive_all(VINS))
    (tmp_path / "alone").mkdir()
    with other(tmp_path / "alone") as alone:
        alone.register_both()
        for vin in VINS[2:]:
            alone.register(vin)
        committed(alone, seed, lambda: each_alone(alone))
        for table in TABLES:
            assert fleet.rows(table) == alone.rows(table), table
    assert len(fleet.rows("status")) == len(VINS)


def test_what_is_derived_of_many_vehicles_is_two_transactions(fleet: Cloud) -> None:
    for number in range(3):
        for vin in VINS:
            if not number:
                fleet.send_manifest(vin=vin)
            fleet.send(Boot(vin=vin).payload(number), vin=vin)
        done: list[str] = []
        fleet.database._writer.set_trace_callback(done.append)
        assert fleet.deriver.sweep() == len(VINS)
        fleet.database._writer.set_trace_callback(None)
        if number:
            assert done.count("COMMIT") == 2


class Meanwhile(SqliteDerived):
    """Lets something happen before it writes."""

    def __init__(self, database: Database, happens: Callable[[], object]) -> None:
        super().__init__(database)
        self._happens = [happens]

    def put_steps(self, steps: Sequence[tuple[str, Extent, Step]], now_ms: int) -> list[Extent | None]:
        if self._happens:
            self._happens.pop()()
        return super().put_steps(steps, now_ms)


class MeanwhileFolded(SqliteDerived):
    def __init__(self, database: Database, happens: Callable[[], object]) -> None:
        super().__init__(database)
        self._happens = [happens]

    def put_folds(self, folds: Sequence[tuple[str, Extent, Fold]]) -> list[Extent | None]:
        if self._happens:
            self._happens.pop()()
        return super().put_folds(folds)


@pytest.mark.parametrize("kind", [Meanwhile, MeanwhileFolded])
def test_a_vehicle_that_another_process_derives_meanwhile_is_looked_at_again(
    fleet: Cloud, tmp_path: Path, kind: type[Meanwhile] | type[MeanwhileFolded]
) -> None:
    with other(tmp_path) as process:
        for vin in VINS:
            fleet.send_manifest(vin=vin)
            fleet.send(Boot(vin=vin).payload(0), vin=vin)
        fleet.deriver.sweep()
        for vin in VINS:
            fleet.send(Boot(vin=vin).payload(1), vin=vin)

        def derive() -> None:
            process.deriver.derive(VINS[2])
            process.send(Boot(vin=VINS[3]).payload(2), vin=VINS[3])
            process.deriver.derive(VINS[3])

        fleet.deriver._store = kind(fleet.database, derive)
        assert fleet.deriver.derive_all(VINS) == []
        assert fleet.deriver._store.to_derive({}) == []
        assert len(fleet.rows("chunk")) == 2 * len(VINS) + 1
        newest = {vin: status.updated_at_ms for vin in VINS if (status := fleet.reader.status(vin)) is not None}
        assert {vin for vin in VINS if newest[vin] == newest[VINS[0]]} == {*VINS} - {VINS[3]}
        assert newest[VINS[3]] > newest[VINS[0]]


@pytest.mark.parametrize("kind", [Meanwhile, MeanwhileFolded])
def test_of_a_vehicle_that_is_erased_meanwhile_nothing_is_written_and_the_others_are(
    fleet: Cloud, kind: type[Meanwhile] | type[MeanwhileFolded]
) -> None:
    for vin in VINS:
        fleet.send_manifest(vin=vin)
        fleet.send(Boot(vin=vin).payload(0), vin=vin)
    fleet.deriver.sweep()
    for vin in VINS:
        fleet.send(Boot(vin=vin).payload(1), vin=vin)

    fleet.deriver._store = kind(fleet.database, lambda: SqliteErasing(fleet.database).erase(VINS[2]))
    assert fleet.deriver.derive_all(VINS) == []
    for table in ("chunk", "status", "checkpoint", "derived", "pending"):
        assert {row[0] for row in fleet.rows(table)} & {VINS[2]} == set()
    assert len(fleet.rows("chunk")) == 2 * (len(VINS) - 1)


def test_a_vehicle_that_another_thread_derives_holds_up_no_other(fleet: Cloud) -> None:
    for vin in VINS:
        fleet.send_manifest(vin=vin)
        fleet.send(Boot(vin=vin).payload(0), vin=vin)
    with fleet.deriver._locks[VINS[1]]:
        assert fleet.deriver.derive_all(VINS, 0.01) == [VINS[1]]
    assert {row[0] for row in fleet.rows("status")} == {*VINS} - {VINS[1]}
    assert fleet.deriver.derive_all(VINS) == []
    assert {row[0] for row in fleet.rows("status")} == {*VINS}
