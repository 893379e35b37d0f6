"""The agent as it is installed: a process with its settings, on one of the bed's buses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.agent.remote import model
from tests.conftest import ROOT

CHANNEL = "vcan1"


class Agent:
    """Of the vehicle that can be asked; its files are in `folder`."""

    def __init__(
        self, folder: Path, port: int, key: str, allow: Iterable[str], profile: str, *, enabled: bool = True
    ) -> None:
        """`port`: the broker's; `profile`: its file in the folder; `key`: that of the cloud; `allow`: of actions."""
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        names = ", ".join(f'"{name}"' for name in allow)
        self._settings = folder / "agent.toml"
        self._settings.write_text(
            f'vin = "{model.VIN}"\nprofile = "{profile}"\nstate = "state"\n'
            f'[buses.can0]\nchannel = "{CHANNEL}"\n'
            f'[uplink]\nbrokers = ["127.0.0.1:{port}"]\nfirst_backoff = "50ms"\n'
            f'[commands]\nkeys = ["{key}"]\n[remote]\nenabled = {str(enabled).lower()}\nallow = [{names}]\n'
        )

    def __enter__(self) -> Agent:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def state(self) -> Path:
        return self._folder / "state" / model.VIN

    @property
    def log(self) -> str:
        return (self._folder / "agent.log").read_text()

    def start(self) -> None:
        words = [sys.executable, "-m", "agent.cli", "run", "--config", str(self._settings)]
        with (self._folder / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)

    def kill(self) -> None:
        """With 9, wherever it is."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
