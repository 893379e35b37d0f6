"""The bridge's image, as the Dockerfile makes it: small, without rights, and it ends when it is told to."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.bridge import eventually
from tests.beds import podman as bed
from tests.beds.uml import INSIDE
from tests.conftest import Mosquitto, absent, free_port

MOST_BYTES = 150_000_000
STOPPED_S = 10

pytestmark = [pytest.mark.slow, pytest.mark.skipif(INSIDE in os.environ, reason="another bed, without a network")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bed.World]:
    if packages := bed.absent():
        absent(f"needs {', '.join(packages)}: apt-get install {' '.join(packages)}")
    bed.build_bridge()
    with bed.world(tmp_path_factory.mktemp("world"), network=False) as made:
        yield made


class Container:
    """Run as docs/deploying.md says, with nothing but its two volumes to write to."""

    def __init__(self, world: bed.World, folder: Path, config: str) -> None:
        self.podman = world.podman
        self.name = folder.name
        file = folder / "bridge.toml"
        file.write_text(config)
        file.chmod(0o644)
        self._volumes = [f"{self.name}-state", f"{self.name}-broker"]
        limits = [
            "--read-only",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
            "--memory=256m",
            "--pids-limit=64",
        ]
        places = ["/etc/canlift/bridge.toml:ro", "/var/lib/canlift", "/srv/broker"]
        mounts = [f"{source}:{place}" for source, place in zip([file, *self._volumes], places, strict=True)]
        volumes = [word for mount in mounts for word in ("-v", mount)]
        self.podman("run", "-d", "--name", self.name, "--network=host", *limits, *volumes, bed.BRIDGE)

    def healthy(self) -> bool:
        try:
            self.podman("healthcheck", "run", self.name)
        except RuntimeError:
            return False
        return True

    def manage(self, *words: str) -> str:
        return self.podman("exec", self.name, "canlift-bridge", *words, "--config", "/etc/canlift/bridge.toml").strip()

    def logs(self) -> str:
        return self.podman("logs", self.name, said=True)

    def stop(self) -> tuple[int, float]:
        """Its exit code, and how many seconds it took."""
        began_s = time.monotonic()
        self.podman("stop", "-t", "60", self.name)
        took_s = time.monotonic() - began_s
        state = json.loads(self.podman("inspect", self.name))[0]["State"]
        return state["ExitCode"], took_s

    def remove(self) -> None:
        self.podman("rm", "-f", "-t", "0", self.name)
        self.podman("volume", "rm", "-f", *self._volumes)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def container(world: bed.World, tmp_path: Path, mosquitto: Mosquitto, port: int) -> Iterator[Container]:
    settings = '[database]\npath = "/var/lib/canlift/canlift.db"\n'
    made = Container(world, tmp_path, f"[mqtt]\nport = {mosquitto.port}\n[api]\nport = {port}\n{settings}")
    yield made
    print(made.logs())
    made.remove()


def test_the_image_is_small_above_its_base(world: bed.World) -> None:
    assert world.size_bytes(bed.BRIDGE) - world.size_bytes(bed.PYTHON) < MOST_BYTES


def test_the_bridge_serves_without_rights_and_ends_when_it_is_told_to(container: Container) -> None:
    assert eventually(container.healthy, 60)
    assert "connected to the broker" in container.logs()
    status = container.podman("exec", container.name, "cat", "/proc/1/status").splitlines()
    assert next(line for line in status if line.startswith("Uid")).split()[1:] == ["10001"] * 4
    assert next(line for line in status if line.startswith("CapEff")).split()[1] == "0" * 16
    with pytest.raises(RuntimeError, match="Read-only file system"):
        container.podman("exec", container.name, "touch", "/opt/canlift/file")
    fleet = container.manage("fleet", "add", "Vans")
    container.manage("vehicle", "add", "VF30A5FWTEST00001", "--model", "peugeot-comfort-2004", "--fleet", fleet)
    assert [one["id"] for one in json.loads(container.manage("fleet", "list", "--json"))] == [fleet]
    code, took_s = container.stop()
    assert code == 0
    assert took_s < STOPPED_S


def test_a_bridge_whose_broker_is_gone_ends_as_well(container: Container, mosquitto: Mosquitto) -> None:
    assert eventually(container.healthy, 60)
    mosquitto.kill()
    assert eventually(lambda: "connection to the broker was lost" in container.logs(), 60)
    assert eventually(container.healthy, 60)  # It serves what it has.
    code, took_s = container.stop()
    assert code == 0
    assert took_s < STOPPED_S


def test_a_bridge_that_does_not_answer_is_unhealthy(container: Container) -> None:
    assert eventually(container.healthy, 60)
    container.podman("kill", "-s", "STOP", container.name)
    try:
        assert not container.healthy()
    finally:
        container.podman("kill", "-s", "CONT", container.name)
    assert eventually(container.healthy, 60)
