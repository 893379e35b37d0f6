"""The chapter on containers of docs/deploying.md, typed as it is written, in a network of its own."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.beds import podman as bed
from tests.beds.uml import INSIDE
from tests.cloud_bridge.identity.yard import Box
from tests.conftest import ROOT, absent
from tests.documents import Shown

VIN = "VF30A5FWTEST00001"
LIMIT_S = 900
NAME = "canlift"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(INSIDE in os.environ, reason="another bed, without a network")]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[bed.World]:
    if packages := bed.absent():
        absent(f"needs {', '.join(packages)}: apt-get install {' '.join(packages)}")
    bed.build_bridge()
    with bed.world(tmp_path / "world", network=True) as made:
        yield made


def typed(world: bed.World, folder: Path, lines: list[str], before: str, end: str) -> str:
    """What is said by a script that types them there."""
    script, said = folder / "script", folder / "said"
    script.write_text("\n".join(["set -eux", f"trap {shlex.quote(end)} EXIT", before, *lines, ""]))
    with said.open("wb") as output:
        done = subprocess.run(
            world.command("bash", str(script)),
            env=world.environment, stdout=output, stderr=output, timeout=LIMIT_S, check=False,
        )  # fmt: skip
    print(said.read_text())
    assert done.returncode == 0
    return said.read_text()


@pytest.mark.types("docs/deploying.md", "As a container", only="^docker")
def test_a_vehicle_is_heard_through_the_composed_cloud_until_it_is_revoked(
    world: bed.World, tmp_path: Path, shared: Path, shown: Shown
) -> None:
    box = Box(tmp_path / "box", VIN)
    broker = '[uplink]\nbrokers = ["127.0.0.1:8883"]\nlongest_backoff = "1s"\n'
    box.config.write_text(box.config.read_text().replace("[uplink.tls]", f"{broker}[uplink.tls]"))
    assert box.run("enroll", "--request", str(tmp_path / "vehicle.csr")) == 0
    compose = f"{Path(sys.executable).parent}/podman-compose -p {NAME}"
    drive = shared / "data" / "logs" / "peugeot_partner_conf_bus_static.log.gz"
    agent = f"{sys.executable} -m agent.cli"
    replay = f"{agent} replay {drive} --model peugeot-comfort-2004 --vin {VIN} --config {box.config}"
    lines = []
    for line in shown:
        # Of what the bed has built already, with what a build needs there.
        line = line.replace("docker compose build", "docker compose --podman-build-args=--format=docker build")
        words = line.replace("docker compose", compose).replace("mqtt.example.org", "127.0.0.1")
        words = words.replace("vehicle.csr", f"{tmp_path}/vehicle.csr").replace("answer.pem", f"{tmp_path}/answer.pem")
        lines.append(words)
        if "vehicle enroll" in line:
            lines.append(f"{agent} enroll --answer {tmp_path}/answer.pem --config {box.config}")
            # Its exit status says whether every upload was receipted.
            lines.append(f"{replay} --state {tmp_path}/before --timeout 60")
        if "vehicle revoke" in line:
            lines.append(f"if {replay} --state {tmp_path}/after --timeout 3; then exit 1; fi")
    said = typed(world, tmp_path, lines, f"cd {ROOT}", f"{compose} down -v -t 1 >/dev/null 2>&1")
    assert "the broker refuses it too, has ended its connection, and keeps nothing for it" in said
    assert "no connection to 127.0.0.1:8883" in said


@pytest.mark.types("docs/deploying.md", "As a container", only="^podman")
def test_the_bridge_alone_is_run_as_it_is_written(world: bed.World, tmp_path: Path, shown: Shown) -> None:
    (tmp_path / "bridge.toml").write_text('[database]\npath = "/var/lib/canlift/canlift.db"\n[api]\nhost = "0.0.0.0"\n')
    lines = []
    for line in shown:
        if line.startswith("podman build"):
            assert line == bed.BUILT_BY
            continue
        words = line.replace("--name bridge", f"--name {NAME}").replace("-v state:", f"-v {NAME}:")
        lines.append(words.replace("exec bridge", f"exec {NAME}").replace("stop bridge", f"stop {NAME}"))
        if line.startswith("podman run"):
            lines.append("for i in $(seq 100); do curl -sf http://127.0.0.1:8080/health && break; sleep 0.2; done")
    lines.append(f"test $(podman inspect --format '{{{{.State.ExitCode}}}}' {NAME}) = 0")
    end = f"podman rm -f -v -t 0 {NAME} >/dev/null 2>&1; podman volume rm -f {NAME} >/dev/null 2>&1"
    assert "\nok\n" in typed(world, tmp_path, lines, f"cd {tmp_path}", end)
