"""What needs a kernel with ISO-TP, run in one."""

from __future__ import annotations

import os

import pytest

from tests.beds.kernel import kernel
from tests.beds.qemu import PACKAGE, QEMU, pytest_words, run
from tests.beds.uml import INSIDE
from tests.conftest import needed

LIMIT_S = 900

pytestmark = pytest.mark.skipif(INSIDE in os.environ, reason="this is the bed")


@pytest.mark.slow
def test_asking_by_the_kernels_isotp() -> None:
    needed(QEMU, PACKAGE)
    kernel()
    finished = run(pytest_words(["tests/beds/can/test_asking.py", "--durations=5"]), LIMIT_S)
    print(finished.output)
    assert finished.status == 0, finished.output
