"""What needs a kernel with ISO-TP, run in one."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.beds.qemu import KEPT, PACKAGE, QEMU, pytest_words, run, unpack_kernel
from tests.beds.uml import INSIDE
from tests.conftest import IN_CI, needed

LIMIT_S = 420

pytestmark = pytest.mark.skipif(INSIDE in os.environ, reason="this is the bed")


@pytest.mark.slow
def test_asking_by_the_kernels_isotp() -> None:
    for program, package in ((QEMU, PACKAGE), ("busybox", "busybox-static"), ("cpio", "cpio")):
        needed(program, package)
    if not (KEPT / "vmlinux").exists():
        try:
            unpack_kernel(KEPT)
        except (OSError, subprocess.CalledProcessError) as wrong:
            if IN_CI:
                raise
            pytest.skip(f"Debian's kernel cannot be had: {wrong}")
    finished = run(pytest_words(["tests/beds/can/test_asking.py", "--durations=5"]), LIMIT_S)
    print(finished.output)
    assert finished.status == 0, finished.output
