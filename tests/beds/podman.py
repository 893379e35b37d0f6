"""Containers, built and run by podman without a daemon.

The images are in a store of the checkout's, in `build/beds/podman`. Containers are run in a `World`: namespaces of
their own, and a store of their own that reads the images from the former. It ends with the process that made it,
however that one ends, and with it end all containers, mounts and networks; of two that run at once neither sees the
other. (podman's name server is one for a machine: that of a killed run would answer nobody in the next.)

The images that a Dockerfile begins with are not pulled: stand-ins of the same names are made of Debian's packages, once
for each recipe below. So what is proved is the Dockerfile: its steps, users, paths, entry point and size above its
base, not what is in the published images.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.beds.box.cache import digest, kept
from tests.beds.box.tree import bootstrapped
from tests.beds.mortal import mortal
from tests.conftest import ROOT, needed
from tests.persisting import persisting

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
network_config_dir = "{place}/networks"
"""
_STORAGE = """[storage]
driver = "overlay"
graphroot = "{place}/graph"
runroot = "{place}/run"
[storage.options]
additionalimagestores = [{others}]
"""
_WORLD = "mount -t tmpfs run /run; mount -t tmpfs shm /dev/shm; ip link set lo up; echo there; sleep infinity & wait"
"""Who waits takes leave of every process that ends there: podman waits for those that watch over containers to go."""
_PLACE = Path("/run/podman")
"""In a world's memory. (In one of 53 characters podman heard of no container's end for 20 s, in one of 35 it did.)"""
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_PACKAGES = {
    PYTHON: ("image-python", "ca-certificates,python3,python3-pip,python3-venv"),
    MOSQUITTO: ("image-mosquitto", "ca-certificates,mosquitto"),
}
"""Images, what they are kept as, and what is in them."""
_PYTHON = 'rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED; ln -sf python3 "$1"/usr/bin/python'


def absent() -> list[str]:
    """Debian packages that are not there, by the names of the programs."""
    return [Path(program).name for program in PROGRAMS if shutil.which(program, path=_PATH) is None]


class Store:
    """podman as it is set in a folder, with its images, containers and networks in a place; it reads the `images` of
    other places too."""

    def __init__(self, folder: Path, place: Path, images: Sequence[Path] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        containers, storage = folder / "containers.conf", folder / "storage.conf"
        containers.write_text(_CONTAINERS.format(place=place))
        others = ", ".join(f'"{other}/graph"' for other in images)
        storage.write_text(_STORAGE.format(place=place, others=others))
        files = {"CONTAINERS_CONF": str(containers), "CONTAINERS_STORAGE_CONF": str(storage)}
        self.environment = {**os.environ, "PATH": _PATH, **files}

    def command(self, *words: str) -> list[str]:
        """Runs these words where its containers are."""
        return mortal(*words)

    def podman(self, *words: str, limit_s: float = 300, said: bool = False) -> str:
        """What it prints; `said`: on standard error too. Raises RuntimeError that says what it said."""
        done = subprocess.run(
            self.command("podman", *words),
            env=self.environment, capture_output=True, text=True, timeout=limit_s, check=False,
        )  # fmt: skip
        if done.returncode:
            what = f"podman {' '.join(words)}: status {done.returncode}"
            raise RuntimeError(f"{what}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
        return done.stdout + (done.stderr if said else "")

    def size_bytes(self, image: str) -> int:
        size: int = json.loads(self.podman("image", "inspect", image))[0]["Size"]
        return size


class World(Store):
    """One whose containers, and all that is run by `command`, are in the namespaces of a process."""

    def __init__(self, folder: Path, leader: int, *, network: bool) -> None:
        super().__init__(folder, _PLACE, [KEPT])
        self._entering = ["nsenter", f"--target={leader}", "--mount", "--pid", *(["--net"] if network else []), "--"]

    def command(self, *words: str) -> list[str]:
        return super().command(*self._entering, *words)


@contextmanager
def world(folder: Path, *, network: bool) -> Iterator[World]:
    """With the images of `build_bridge`; with a `network` of its own, or this machine's."""
    spaces = ["--mount", "--mount-proc", "--pid", "--fork", "--kill-child", *(["--net"] if network else [])]
    words = mortal(needed("unshare", "util-linux"), *spaces, "--", "sh", "-ec", _WORLD)
    with subprocess.Popen(words, env={**os.environ, "PATH": _PATH}, stdout=subprocess.PIPE, text=True) as unshare:
        try:
            assert unshare.stdout is not None
            assert unshare.stdout.readline() == "there\n"
            (leader,) = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text().split()
            yield World(folder, int(leader), network=network)
        finally:
            unshare.kill()


def build_bridge() -> None:
    """The image of the Dockerfile, from what the project is now; its steps are podman's to remember."""
    store = Store(KEPT, KEPT)
    with (KEPT / "lock").open("w") as lock, tempfile.TemporaryDirectory(prefix="bed.") as name:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Whoever builds it at the same time waits, and finds it done.
        for image, (kind, packages) in _PACKAGES.items():
            _make_stand_in(store, image, kind, packages)
        pip = Path(name) / "pip.conf"
        pip.write_text(f"[global]\ncert = {_CERTIFICATES}\ndisable-pip-version-check = true\n")
        mounts = [f"{_CERTIFICATES}:{_CERTIFICATES}:ro", f"{pip}:/etc/pip.conf:ro"]
        volumes = [word for mount in mounts for word in ("-v", mount)]
        _, *words, _ = BUILT_BY.split()
        built = [*words, "-q", "--network=host", *volumes, "-t", BRIDGE, str(ROOT)]
        persisting(lambda: store.podman(*built, limit_s=900))


def _make_stand_in(store: Store, image: str, kind: str, packages: str) -> None:
    options = ["--variant=minbase", f"--include={packages}", "--skip=output/dev"]
    if image == PYTHON:
        options.append(f"--customize-hook={_PYTHON}")
    recipe = digest([_SUITE, *options])
    if _label(store, image) != recipe:
        kept_in = kept(kind, [_SUITE, *options], lambda folder: bootstrapped(folder, _SUITE, "tree.tar", *options))
        store.podman("import", "-q", "--change", f"LABEL {_LABEL}={recipe}", str(kept_in / "tree.tar"), image)


def _label(store: Store, image: str) -> str | None:
    try:
        (found,) = json.loads(store.podman("image", "inspect", image))
    except RuntimeError:
        return None
    label: str | None = (found.get("Labels") or {}).get(_LABEL)
    return label
