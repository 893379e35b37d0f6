"""What is freed in one thread serves the others."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.conftest import ROOT

ALLOCATING = """
import ctypes, threading
from cloud_bridge.server.arenas import limit_arenas
if {limited}:
    limit_arenas()
together = threading.Barrier(12)
def allocate():
    together.wait()
    kept = [bytearray(4000) for _ in range(2000)]
    together.wait()
threads = [threading.Thread(target=allocate) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


def arenas(*, limited: bool) -> int:
    done = subprocess.run(
        [sys.executable, "-c", ALLOCATING.format(limited=limited)],
        check=True,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    return len(re.findall(r"<heap nr=", done.stdout))


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_threads_share_two_arenas_and_had_many() -> None:
    assert arenas(limited=False) > 2 >= arenas(limited=True)
