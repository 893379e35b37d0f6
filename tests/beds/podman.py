"""Containers, built and run by podman without a daemon, its store in `build/beds/podman`.

The images that a Dockerfile begins with are not pulled: stand-ins of the same names are made of Debian's packages, once
for each recipe below. So what is proved is the Dockerfile: its steps, users, paths, entry point and size above its
base, not what is in the published images.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.beds.uml import ROOT

PROGRAMS = ("podman", "runc", "mmdebstrap", "/usr/lib/podman/netavark")
KEPT = ROOT / "build" / "beds" / "podman"
PYTHON, MOSQUITTO = "docker.io/library/python:3.13-slim", "docker.io/library/eclipse-mosquitto:2"
BRIDGE = "localhost/canlift-bridge:test"
BUILT_BY = "podman build --format docker -t canlift-bridge ."
"""As docs/deploying.md has it: the format that has a place for HEALTHCHECK."""
_SUITE = "trixie"
_LABEL = "canlift.recipe"
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# Without systemd, and without more rights to raise limits than a container has itself.
_CONTAINERS = """[containers]
default_ulimits = ["nofile=20000:20000", "nproc=8192:8192"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""
_STORAGE = """[storage]
driver = "overlay"
graphroot = "{kept}/graph"
runroot = "{kept}/run"
"""
_PACKAGES = {
    PYTHON: "ca-certificates,python3,python3-pip,python3-venv",
    MOSQUITTO: "ca-certificates,mosquitto",
}
_PYTHON = "rm -f {tree}/usr/lib/python3*/EXTERNALLY-MANAGED; ln -sf python3 {tree}/usr/bin/python"


def environment() -> dict[str, str]:
    """In which podman, and what calls it, uses the bed's store."""
    KEPT.mkdir(parents=True, exist_ok=True)
    containers, storage = KEPT / "containers.conf", KEPT / "storage.conf"
    containers.write_text(_CONTAINERS)
    storage.write_text(_STORAGE.format(kept=KEPT))
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return {
        **os.environ,
        "PATH": path,
        "CONTAINERS_CONF": str(containers),
        "CONTAINERS_STORAGE_CONF": str(storage),
    }


def absent() -> list[str]:
    """Debian packages that are not there, by the names of the programs."""
    path = environment()["PATH"]
    return [Path(program).name for program in PROGRAMS if shutil.which(program, path=path) is None]


def podman(*words: str, limit_s: float = 300, said: bool = False) -> str:
    """What it prints; `said`: on standard error too. Raises RuntimeError that says what it said."""
    done = subprocess.run(
        ["podman", *words], env=environment(), capture_output=True, text=True, timeout=limit_s, check=False
    )
    if done.returncode:
        raise RuntimeError(
            f"podman {' '.join(words)}: status {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        )
    return done.stdout + (done.stderr if said else "")


def make_stand_ins() -> None:
    for name, packages in _PACKAGES.items():
        recipe = hashlib.sha256(f"{_SUITE} {packages} {_PYTHON}".encode()).hexdigest()[:16]
        if _label(name) != recipe:
            _make_stand_in(name, packages, recipe)


def build_bridge() -> None:
    """The image of the Dockerfile, from what the project is now; its steps are podman's to remember."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock, tempfile.TemporaryDirectory(prefix="bed.") as name:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Whoever builds it at the same time waits, and finds it done.
        make_stand_ins()
        pip = Path(name) / "pip.conf"
        pip.write_text(f"[global]\ncert = {_CERTIFICATES}\ndisable-pip-version-check = true\n")
        mounts = [f"{_CERTIFICATES}:{_CERTIFICATES}:ro", f"{pip}:/etc/pip.conf:ro"]
        volumes = [word for mount in mounts for word in ("-v", mount)]
        _, *words, _ = BUILT_BY.split()
        podman(*words, "-q", "--network=host", *volumes, "-t", BRIDGE, str(ROOT), limit_s=900)


def size_bytes(image: str) -> int:
    size: int = json.loads(podman("image", "inspect", image))[0]["Size"]
    return size


def _label(image: str) -> str | None:
    try:
        (found,) = json.loads(podman("image", "inspect", image))
    except RuntimeError:
        return None
    label: str | None = (found.get("Labels") or {}).get(_LABEL)
    return label


def _make_stand_in(name: str, packages: str, recipe: str) -> None:
    with tempfile.TemporaryDirectory(prefix="bed.") as folder:
        tree, archive = Path(folder) / "tree", Path(folder) / "tree.tar"
        _run(["mmdebstrap", "-q", "--variant=minbase", f"--include={packages}", _SUITE, str(tree), _mirror()])
        if name == PYTHON:
            _run(["sh", "-c", _PYTHON.format(tree=tree)])
        _run(["tar", "-C", str(tree), "-cf", str(archive), "--exclude=./dev/*", "--exclude=./var/cache/apt/*.bin", "."])
        podman("import", "-q", "--change", f"LABEL {_LABEL}={recipe}", str(archive), name)


def _mirror() -> str:
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    lines = sources.read_text().splitlines() if sources.exists() else []
    return next((line.split()[1] for line in lines if line.startswith("URIs:")), "http://deb.debian.org/debian")


def _run(words: Sequence[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: status {done.returncode}\n{done.stderr[-4000:]}")
