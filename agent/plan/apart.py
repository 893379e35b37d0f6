"""Reading a profile's databases in a process of its own: what that costs in memory ends with it."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

log = logging.getLogger(__name__)

_TIMEOUT_S = 600
"""A small box needs half a minute for a large database."""


def read_apart(file: Path, python: str = sys.executable) -> bytes:
    """What there is to be kept of the databases of the profile in `file` (`agent.plan.stored`).

    Empty when it failed; why, the one who reads them himself will be told.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry or "." for entry in sys.path)}
    try:
        ended = subprocess.run(
            [python, "-m", "agent.plan.reading", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("no process can be started to read the databases: %s", error)
        return b""
    return ended.stdout if ended.returncode == 0 else b""
