"""The trees that boxes are made of: a clean Debian, the agent's package, and both together as a disk that boots.

    debian()    Debian bookworm with systemd and Python, as a tar file
    package()   what `make deb` makes
    wheels()    what pip installs of canlift
    disk()      Debian with the package installed, a channel to ask by, and vcan0 by systemd-networkd; an ext4 image

Root makes them, with Debian's archive and a package index within reach.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.beds.box.cache import kept
from tests.beds.mortal import mortal
from tests.conftest import ROOT, needed
from tests.persisting import persisting

HERE = Path(__file__).resolve().parent
DRIVE = ROOT / "demo" / "drive.log.gz"
SUITE = "bookworm"
PACKAGES = "systemd,systemd-sysv,dbus,udev,kmod,iproute2,procps,python3,python3-venv,can-utils"
MODULES = Path("/usr/lib/uml/modules")
_SOURCES = (
    *("agent", "contract", "cloud_bridge", "config", "dbc", "systemd", "docs"),
    *("pyproject.toml", "README.md", "LICENSE", "Makefile"),
)
PACKAGED_BY = {"amd64": "make deb", "arm64": "make deb ARCH=arm64"}
DISK = "1200M"
VIN = "VR3CANL1FT0000001"


def debian() -> Path:
    return debian_with("debian", PACKAGES.split(","))


def debian_with(kind: str, packages: Sequence[str]) -> Path:
    """The smallest Debian with these packages, as a tar file that is kept by the name of its kind."""
    included = ",".join(packages)

    def make(folder: Path) -> None:
        bootstrapped(folder, SUITE, "debian.tar", "--variant=minbase", f"--include={included}")

    return kept(kind, [SUITE, included], make) / "debian.tar"


def bootstrapped(folder: Path, suite: str, archive: str, *options: str) -> None:
    """Makes a tar file in a folder, of packages of Debian's that mmdebstrap downloads."""
    words = [needed("mmdebstrap", "mmdebstrap"), "-q", *options, suite, str(folder / archive), _mirror()]
    persisting(lambda: done(words, TMPDIR=str(folder)))


def debian_of_arm64(folder: Path) -> Path:
    """As much of an arm64 Debian as Python needs, in a folder; nothing in it is set up."""

    def make(kept_in: Path) -> None:
        bootstrapped(kept_in, SUITE, "arm64.tar", "--arch=arm64", "--variant=extract", "--include=python3")

    folder.mkdir()
    done(["tar", "-x", "-C", str(folder), "-f", str(kept("arm64", [SUITE], make) / "arm64.tar"), "--exclude=./dev/*"])
    return folder


def package(architecture: str = "amd64") -> Path:
    def make(folder: Path) -> None:
        checkout = folder / "checkout"
        check_out(checkout)
        words = [*PACKAGED_BY[architecture].split(), "-C", str(checkout), f"VENV={sys.prefix}"]
        persisting(lambda: done(words, TMPDIR=str(folder)))
        (deb,) = checkout.glob("dist/*.deb")
        deb.rename(folder / deb.name)
        shutil.rmtree(checkout)

    (deb,) = kept(f"package-{architecture}", [ROOT / name for name in _SOURCES], make).glob("*.deb")
    return deb


def check_out(folder: Path) -> None:
    """A copy of this checkout, without what was made in it."""
    folder.mkdir(parents=True)
    for place in ROOT.iterdir():
        if place.name.startswith(".") or place.name in ("build", "dist"):
            continue
        if place.is_dir():
            shutil.copytree(place, folder / place.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(place, folder)


def wheels() -> Path:
    """The wheel of canlift, and all that the agent needs beside it, for this Python."""

    def make(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
        persisting(lambda: done([*pip, "wheel", "-w", str(folder), f"{ROOT}[agent]"]))

    return kept("wheels", [sys.version, *(ROOT / name for name in _SOURCES)], make)


def unpacked(folder: Path) -> Path:
    """A clean Debian in a folder."""
    folder.mkdir()
    done(["tar", "-x", "-C", str(folder), "-f", str(debian()), "--exclude=./dev/*"])
    return folder


def inside(tree: Path, *words: str, binds: tuple[str, ...] = (), room: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a command in a tree, without a network. `binds` are mounted in it, as systemd-nspawn's --bind-ro says them,
    and memory of a size as its --tmpfs does."""
    nspawn = needed("systemd-nspawn", "systemd-container")
    options = ["-q", "--register=no", "--keep-unit", "--pipe", "--private-network", "--as-pid2"]
    bound = [f"--bind-ro={bind}" for bind in binds] + [f"--tmpfs={room}"] * bool(room)
    environment = {**os.environ, "SYSTEMD_LOG_LEVEL": "warning"}
    return subprocess.run(
        [nspawn, *options, *bound, "-D", str(tree), *words],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def disk() -> Path:
    parts: list[str | Path] = [debian().parent.name, package().parent.name, HERE / "guest", DRIVE, Path(__file__)]
    return kept("disk", parts, _make_disk) / "disk.img"


def _make_disk(folder: Path) -> None:
    deb = package()
    tree = unpacked(folder / "tree")
    installed = inside(tree, "dpkg", "-i", "/package.deb", binds=(f"{deb}:/package.deb",))
    if installed.returncode:
        raise RuntimeError(f"the package cannot be installed: {installed.stdout}{installed.stderr}")
    (version,) = (path.name for path in MODULES.iterdir())
    modules = tree / "lib/modules" / version
    modules.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(MODULES / version, modules)
    done(["depmod", "-b", str(tree), version])
    system = tree / "etc/systemd/system"
    # What a guest without a screen does not need at its start.
    for unit in (HERE / "guest/masked").read_text().split():
        (system / unit).symlink_to("/dev/null")
    (system / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    (tree / "etc/fstab").write_text("")
    (tree / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    shutil.copy(HERE / "guest/control.py", tree / "usr/local/lib/control.py")
    for file in HERE.glob("guest/*.service"):
        shutil.copy(file, system)
    (tree / "usr/local/lib/drive.log").write_bytes(gzip.decompress(DRIVE.read_bytes()))
    for file in HERE.glob("guest/80-*"):
        shutil.copy(file, tree / "etc/systemd/network")
    enabled = inside(tree, "systemctl", "enable", "-q", "control", "systemd-networkd")
    if enabled.returncode:
        raise RuntimeError(f"the box's own services cannot be enabled: {enabled.stderr}")
    settings = tree / "etc/canlift/agent.toml"
    settings.write_text(of_the_demo_car(settings.read_text()))
    image = folder / "disk.img"
    done(["truncate", "-s", DISK, str(image)])
    done(["mkfs.ext4", "-q", "-F", "-b", "4096", "-L", "root", "-d", str(tree), str(image)])
    shutil.rmtree(tree)


def of_the_demo_car(settings: str) -> str:
    """The settings that the package brings, filled in for the car that the demo drives, on vcan0."""
    changes = {
        'vin = ""': f'vin = "{VIN}"',
        'profile = "obd2"': 'profile = "demo-car"',
        'channel = "can0"': 'channel = "vcan0"',
        '# flush_every = "10s"': 'flush_every = "1s"',
        '# hold = "30s"': 'hold = "1s"',
    }
    for shipped, ours in changes.items():
        assert shipped in settings, shipped
        settings = settings.replace(shipped, ours)
    return settings


def done(words: list[str], **environment: str) -> None:
    """Raises RuntimeError with what the command said when it fails."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    ended = subprocess.run(
        mortal(*words), capture_output=True, text=True, env={**os.environ, "PATH": path, **environment}
    )
    if ended.returncode:
        raise RuntimeError(f"{words[0]} failed: {ended.stdout[-2000:]}{ended.stderr[-2000:]}")


def _mirror() -> str:
    """Debian's archive that this machine uses."""
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    found = re.search(r"^URIs:\s*(\S+)", sources.read_text(), re.MULTILINE) if sources.exists() else None
    return found[1] if found else "http://deb.debian.org/debian"
