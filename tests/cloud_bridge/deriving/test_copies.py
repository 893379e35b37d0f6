"""An upload may come in several copies: what stays is derived, whichever came first."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_bridge.store.port.derived import Step
from cloud_bridge.store.port.errors import StaleError
from cloud_bridge.store.sqlite.derived import SqliteDerived
from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.deriving.derived import BOOT, all_messages, answers, derived
from tests.cloud_bridge.vehicle import EPOCH_MS, VIN, Boot, anchor, thinned, undecodable


def test_an_upload_and_its_thinned_copies_give_the_same_in_any_order_and_when_rebuilt(tmp_path: Path) -> None:
    fuller = [BOOT.payload(sequence, speed_kmh=30.0 + sequence) for sequence in range(3)]
    leaner = thinned(BOOT.upload(1, speed_kmh=31.0))
    found = []
    for place, sent in enumerate([[*fuller], [fuller[0], leaner, fuller[2], fuller[1]], [*fuller, leaner]]):
        (tmp_path / str(place)).mkdir()
        cloud = Cloud(tmp_path / str(place))
        cloud.register_both()
        cloud.send_manifest()
        for payload in sent:
            cloud.send(payload)
            answers(cloud)
        found.append((answers(cloud), derived(cloud)))
        cloud.deriver.rebuild(VIN)
        found.append((answers(cloud), derived(cloud)))
        cloud.database.close()
    assert all(each == found[0] for each in found)


def test_what_only_the_copy_that_goes_had_said_goes_with_it(cloud: Cloud) -> None:
    cloud.send_manifest()
    leaner = thinned(Boot(anchor=anchor(error_ms=5000)).upload(0))
    cloud.send(Boot(anchor=None).payload(1), leaner)
    assert all_messages(cloud)[0].at_ms == EPOCH_MS + 5000
    cloud.send(BOOT.payload(0))
    assert all_messages(cloud)[0].at_ms == EPOCH_MS
    assert [row[4] for row in cloud.rows("anchor")] == [50]


def test_a_fuller_copy_that_cannot_be_read_leaves_what_a_rebuild_would(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(thinned(BOOT.upload(0)))
    assert cloud.reader.status(VIN) is not None
    cloud.send(undecodable(BOOT.upload(0)))
    before = (answers(cloud), derived(cloud))
    assert cloud.reader.status(VIN) is None
    cloud.deriver.rebuild(VIN)
    assert (answers(cloud), derived(cloud)) == before


def test_a_fuller_copy_that_comes_while_the_other_is_derived_is_not_passed_over(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(thinned(BOOT.upload(0)))
    store = SqliteDerived(cloud.database)
    seen = store.extent(VIN)
    pending = store.ready(VIN, 10)
    cloud.send(BOOT.payload(0))
    with pytest.raises(StaleError):
        store.put_step(VIN, seen, Step({}, [], [], pending), cloud.now_ms)
    speeds = [message.at_ms for message in all_messages(cloud) if (message.at_ms - EPOCH_MS) % 1000 == 0]
    assert speeds == [EPOCH_MS + second * 1000 for second in range(10)]
