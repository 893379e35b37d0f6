"""The tests that need a kernel with CAN, run in one: each folder beside this module is a boot of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.beds.uml import INSIDE, KERNEL, PACKAGE, ROOT, pytest_words, run
from tests.conftest import needed

HERE = Path(__file__).resolve().parent
INSIDE_ONLY = "collect_ignore_glob = [] if INSIDE in os.environ"
"""What is in the conftest.py of a folder whose tests are for the bed."""
FOLDERS = sorted(path.parent.name for path in HERE.glob("*/conftest.py") if INSIDE_ONLY in path.read_text())
LIMIT_S = 900

pytestmark = pytest.mark.skipif(INSIDE in os.environ, reason="this is the bed")


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_in_a_kernel_with_can(folder: str) -> None:
    needed(KERNEL, PACKAGE)
    finished = run(pytest_words([str(HERE.relative_to(ROOT) / folder), "--durations=5"]), LIMIT_S)
    print(finished.output)
    assert finished.status == 0, finished.output
    assert " passed" in finished.output, "all of it was skipped"


@pytest.mark.slow
def test_what_fails_in_the_bed_fails_here() -> None:
    needed(KERNEL, PACKAGE)
    finished = run([sys.executable, "-c", "print('from inside'); raise SystemExit(7)"], LIMIT_S)
    assert (finished.status, finished.output) == (7, "from inside")


@pytest.mark.slow
def test_a_bed_that_does_not_end_is_switched_off() -> None:
    needed(KERNEL, PACKAGE)
    finished = run(["sleep", "1000"], 8)
    assert finished.status is None
    assert "not done within 8 s" in finished.output
