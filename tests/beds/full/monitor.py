"""QEMU's monitor: what is plugged in and pulled out while the machine runs (QMP, a JSON object a line)."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from tests.agent.bridge import eventually

_PATIENCE_S = 300
"""The guest's kernel takes six seconds to let something go where its machine does nothing else."""


class Monitor:
    """`path`: the socket on which QEMU listens, now or soon."""

    def __init__(self, path: Path) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.settimeout(_PATIENCE_S)
        self._gone: set[str] = set()
        assert eventually(lambda: self._reached(path), _PATIENCE_S)
        self._lines = self._line.makefile("rb")
        assert "QMP" in json.loads(self._lines.readline())
        self.does("qmp_capabilities")

    def does(self, command: str, **arguments: Any) -> None:
        """Raises AssertionError with QEMU's words where it does not."""
        self._line.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while "return" not in (said := json.loads(self._lines.readline())):
            assert "error" not in said, f"{command}: {said['error']}"
            self._note(said)

    def plug(self, driver: str, name: str, **properties: Any) -> None:
        self.does("device_add", driver=driver, id=name, **properties)

    def unplug(self, name: str) -> None:
        """Asks the guest's kernel to let it go, and waits until it has."""
        self.does("device_del", id=name)
        while name not in self._gone:
            self._note(json.loads(self._lines.readline()))
        self._gone.remove(name)

    def close(self) -> None:
        self._lines.close()
        self._line.close()

    def _reached(self, path: Path) -> bool:
        try:
            self._line.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        return True

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("event") == "DEVICE_DELETED" and "device" in event["data"]:
            self._gone.add(event["data"]["device"])
