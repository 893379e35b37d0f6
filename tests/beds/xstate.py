"""The user-mode kernel on a processor that is newer than it.

It keeps a process's floating-point state in an area for x87 to AVX-512 and PKRU. The host takes such a state back only
whole: on a processor with tiles (AMX) it refuses what the kernel gives it, and no process of the guest runs ("ptrace
set fp regs failed, errno = 14"; kernels from 6.13 on ask for the size). There `xstate.c` stands between the two.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.beds.box.cache import kept
from tests.conftest import absent, needed

_SOURCE = Path(__file__).with_suffix(".c")
_LIBRARY = "xstate.so"


def is_larger() -> bool:
    """Whether this processor has more state than the kernel knows of."""
    return "amx_tile" in Path("/proc/cpuinfo").read_text().split()


def prefix() -> list[str]:
    """What the command that starts the kernel begins with."""
    if not is_larger():
        return []
    return ["env", f"LD_PRELOAD={kept('xstate', [_SOURCE], _build) / _LIBRARY}"]


def _build(folder: Path) -> None:
    words = [needed("gcc", "gcc libc6-dev"), "-O2", "-Wall", "-Werror", "-shared", "-fPIC"]
    try:
        subprocess.run([*words, "-o", str(folder / _LIBRARY), str(_SOURCE)], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as wrong:
        absent(f"{_SOURCE.name} cannot be compiled: {wrong.stderr}")
