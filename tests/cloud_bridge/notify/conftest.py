from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.cloud_bridge.notify.waiting import NAME, Cloud
from tests.receiver import Receiver


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> Path:
    return authority.certificate(NAME, "other.example.com", "localhost")


@pytest.fixture
def receiver(certificate: Path) -> Iterator[Receiver]:
    with Receiver(certificate) as receiver:
        yield receiver


@pytest.fixture
def cloud(tmp_path: Path, authority: Authority) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path, authority)
    yield cloud
    cloud.close()
