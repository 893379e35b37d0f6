"""The box that most tests of the package share: booting one takes longer than most of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.beds.box.stand import Stand, stand


@pytest.fixture(scope="package")
def bench(tmp_path_factory: pytest.TempPathFactory, mosquitto_binary: str) -> Iterator[Stand]:
    with stand(tmp_path_factory.mktemp("box"), mosquitto_binary) as bench:
        yield bench
