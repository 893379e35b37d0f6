"""`canlift-bridge` as it is typed, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_bridge.cli import main
from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.settings import read_settings
from cloud_bridge.storage import Storage
from contract.topics import MANIFEST, UP, topic
from tests.cloud_bridge.vehicle import EPOCH_MS, MANIFEST_BODY, VIN, Boot, write_profile


class CommandLine:
    def __init__(self, folder: Path, output: pytest.CaptureFixture[str]) -> None:
        self.config = folder / "bridge.toml"
        self._output = output
        write_profile(folder / "vehicles")
        self.config.write_text("[mqtt]\n")

    def __call__(self, *arguments: str, fails: int = 0) -> str:
        """Standard output; of a command that fails, standard error."""
        code = main([*arguments, "--config", str(self.config)])
        output = self._output.readouterr()
        assert code == fails, output.err
        return (output.err if fails else output.out).strip()

    def storage(self) -> Storage:
        return Storage(read_settings(self.config))

    def receive(self, *sequences: int, manifest: bool = True) -> None:
        storage = self.storage()
        batch = [Delivery(topic(VIN, UP), Boot().payload(sequence)) for sequence in sequences]
        if manifest:
            batch.append(Delivery(topic(VIN, MANIFEST), MANIFEST_BODY))
        Ingest(storage.receiving, lambda: EPOCH_MS).commit(batch)
        storage.close()
