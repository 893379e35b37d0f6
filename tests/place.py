"""A folder in which somebody types what a document says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.documents import words

_MODULES = {"canlift-agent": "agent.cli", "canlift-bridge": "cloud_bridge.cli"}


class Place:
    def __init__(self, folder: Path, replaced: dict[str, str]) -> None:
        """`replaced`: other words for those of the document, such as ports and names that are known here only."""
        self._folder = folder
        self._replaced = replaced

    def start(self, command: str) -> subprocess.Popen[str]:
        name, *typed = words(command)
        program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from {_MODULES[name]} import main; sys.exit(main())"
        return subprocess.Popen(
            [sys.executable, "-c", program, *(self._replaced.get(word, word) for word in typed)],
            cwd=self._folder,
            env={**os.environ, "XDG_STATE_HOME": str(self._folder)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def type(self, command: str) -> str:
        process = self.start(command)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, (command, out, err)
        return out.strip()
