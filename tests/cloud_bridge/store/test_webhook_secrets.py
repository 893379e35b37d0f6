"""Secrets of webhooks: one is current, and those before sign for a while."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_bridge.store.port.errors import RegistryError
from cloud_bridge.store.port.registry import Fleet
from cloud_bridge.store.port.webhook_secrets import SECRET_BYTES
from cloud_bridge.store.sqlite.database import Database
from cloud_bridge.store.sqlite.registry import SqliteRegistry
from cloud_bridge.store.sqlite.webhook_secrets import SqliteWebhookSecrets


@pytest.fixture
def secrets(tmp_path: Path) -> Iterator[SqliteWebhookSecrets]:
    database = Database(tmp_path / "bridge.db")
    for fleet in ("f1", "f2"):
        SqliteRegistry(database).add_fleet(Fleet(fleet, fleet, "", 1, 1))
    yield SqliteWebhookSecrets(database)
    database.close()


def test_each_fleet_has_its_own_and_keeps_it(secrets: SqliteWebhookSecrets) -> None:
    (one,) = secrets.secrets("f1", 100)
    (other,) = secrets.secrets("f2", 100)
    assert len(one.secret) == SECRET_BYTES
    assert one.secret != other.secret
    assert secrets.secrets("f1", 10**15) == [one]
    with pytest.raises(RegistryError, match="no fleet nobody"):
        secrets.secrets("nobody", 100)
    with pytest.raises(RegistryError, match="no fleet nobody"):
        secrets.rotate("nobody", 100, 50)


def test_the_one_before_signs_until_its_time_is_over(secrets: SqliteWebhookSecrets) -> None:
    (old,) = secrets.secrets("f1", 100)
    new, before = secrets.rotate("f1", 200, 50)
    assert (before.secret, before.expires_at_ms, new.expires_at_ms) == (old.secret, 250, None)
    assert new.secret != old.secret
    assert secrets.secrets("f1", 249) == [new, before]
    assert secrets.secrets("f1", 250) == [new]


def test_rotating_again_does_not_lengthen_the_time_of_one_that_was_replaced(secrets: SqliteWebhookSecrets) -> None:
    (first,) = secrets.secrets("f1", 100)
    second, _ = secrets.rotate("f1", 200, 50)
    third, *before = secrets.rotate("f1", 200, 50)
    assert {(one.secret, one.expires_at_ms) for one in before} == {(first.secret, 250), (second.secret, 250)}
    fourth, *before = secrets.rotate("f1", 240, 50)
    assert (before[0].secret, before[0].expires_at_ms) == (third.secret, 290)
    assert len(before) == 3
    assert len({one.secret for one in (first, second, third, fourth)}) == 4
    assert secrets.secrets("f1", 260) == [fourth, before[0]]
