"""The Debian package: installed in a clean Debian without a network, upgraded, removed and purged."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from contract.version import VERSION
from tests.beds.box.tree import PACKAGED_BY, debian_of_arm64, done, inside, package
from tests.conftest import ROOT, needed
from tests.documents import Shown, words
from tests.systemd.looking import files, number_of, owner, says

NEWER = f"{VERSION}+next"
SETTINGS = "etc/canlift/agent.toml"
BUS = "etc/systemd/network/80-can0.network"
JOURNAL = "var/lib/canlift/VR3CANL1FT0000001/journal/00000001.segment"
MACHINES = {"amd64": 62, "arm64": 183}
"""As ELF numbers them."""

pytestmark = pytest.mark.slow


def dpkg(tree: Path, *words: str, deb: Path | None = None, room: str = "") -> subprocess.CompletedProcess[str]:
    binds = () if deb is None else (f"{deb}:/package.deb",)
    return inside(tree, "dpkg", *words, *(() if deb is None else ("/package.deb",)), binds=binds, room=room)


def installed(tree: Path, deb: Path) -> str:
    ended = dpkg(tree, "--install", deb=deb)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def newer(folder: Path) -> Path:
    """The same package, as the next version."""
    content, deb = folder / "content", folder / "next.deb"
    done(["dpkg-deb", "--raw-extract", str(package()), str(content)])
    control = content / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {NEWER}", control.read_text()))
    shipped = content / "opt/canlift/share/agent.toml"
    shipped.write_text(shipped.read_text() + "# of the next version\n")
    done(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(content), str(deb)])
    return deb


def test_installed_it_runs_and_asks_for_the_vehicle(box: Path) -> None:
    said = installed(box, package())
    assert "canlift-agent: say in /etc/canlift/agent.toml which vehicle this is" in said
    assert "not all of it is compiled" not in said
    assert "peugeot_comfort_2004.dbc: clean" in says(box, "canlift-agent", "check", "--model", "peugeot-comfort-2004")
    assert says(box, "systemctl", "is-enabled", "canlift-agent") == "enabled\n"
    group = number_of(box, "canlift")
    assert owner(box / "etc/canlift") == (0, group, "drwxr-x---")
    assert owner(box / SETTINGS) == (0, group, "-rw-r-----")
    assert "dialout" in says(box, "id", "-Gn", "canlift")
    assert set(says(box, "dpkg", "--verify", "canlift-agent").splitlines()) == set()
    started = inside(box, "runuser", "-u", "canlift", "--", "canlift-agent", "run")
    assert started.returncode == 2
    assert "/etc/canlift/agent.toml:4: vin: '' is no VIN" in started.stderr


def test_what_it_needs_is_all_its_own(box: Path) -> None:
    """Nothing comes from Debian's own packages of Python, and nothing is compiled anew at each start."""
    installed(box, package())
    code = "import sys, cbor2, cryptography, msgspec, can; print(can.__cached__, *sys.path, sep='\\n')"
    cached, *paths = says(box, "/opt/canlift/bin/python3", "-c", code).splitlines()
    assert (box / cached.lstrip("/")).is_file()
    assert [path for path in paths if "dist-packages" in path] == []


def test_an_upgrade_keeps_settings_journal_and_the_files_of_buses(box: Path, tmp_path: Path) -> None:
    installed(box, package())
    kept = {SETTINGS: "# mine\n", BUS: "# mine too\n", JOURNAL: "uploads"}
    for name, text in kept.items():
        (box / name).parent.mkdir(parents=True, exist_ok=True)
        (box / name).write_text(text)
    assert "say in /etc/canlift/agent.toml" not in installed(box, newer(tmp_path))
    assert {name: (box / name).read_text() for name in kept} == kept
    assert NEWER in says(box, "dpkg-query", "--show", "canlift-agent")
    assert "clean" in says(box, "canlift-agent", "check", "--model", "demo-car")


def test_a_service_that_was_disabled_stays_so_in_an_upgrade(box: Path, tmp_path: Path) -> None:
    installed(box, package())
    inside(box, "systemctl", "disable", "canlift-agent")
    installed(box, newer(tmp_path))
    assert inside(box, "systemctl", "is-enabled", "canlift-agent").stdout == "disabled\n"


def test_removing_keeps_settings_and_journal_and_purging_leaves_only_the_user(box: Path) -> None:
    before = files(box)
    installed(box, package())
    (box / JOURNAL).parent.mkdir(parents=True)
    (box / JOURNAL).write_text("uploads")
    removed = dpkg(box, "--remove", "canlift-agent")
    assert removed.returncode == 0, removed.stderr
    assert (box / SETTINGS).is_file()
    assert (box / JOURNAL).is_file()
    assert not (box / "opt/canlift").exists()
    purged = dpkg(box, "--purge", "canlift-agent")
    assert purged.returncode == 0, purged.stderr
    # Where the package was, and what systemd-sysusers keeps of the files that it changes.
    left = {name for name in files(box) - before if not re.match(r"package\.deb$|etc/(passwd|group|g?shadow)-$", name)}
    assert left == set()
    assert before - files(box) <= {"opt"}, "dpkg removes folders that are empty then"
    assert inside(box, "getent", "passwd", "canlift").returncode == 0


def test_a_full_disk_at_install_is_said_and_with_room_it_is_installed(box: Path) -> None:
    (box / "opt").mkdir(exist_ok=True)
    full = dpkg(box, "--install", deb=package(), room="/opt:size=4M")
    assert full.returncode != 0
    assert "No space left on device" in full.stderr
    installed(box, package())
    assert "clean" in says(box, "canlift-agent", "check", "--model", "demo-car")


@pytest.mark.types("README.md", "From nothing to the first answer", only="^make deb$")
@pytest.mark.types("README.md", "On a box", only="^make deb ")
@pytest.mark.types("docs/raspberry-pi.md", "Installing", only="^make deb ")
def test_the_packages_are_made_as_it_is_written(shown: Shown) -> None:
    """And nothing else of the checkout is needed than what is in its repository."""
    assert {" ".join(words(command)) for command in shown} == set(PACKAGED_BY.values())
    for architecture in PACKAGED_BY:
        assert package(architecture).name == f"canlift-agent_{VERSION}_{architecture}.deb"


@pytest.mark.parametrize("architecture", sorted(MACHINES))
def test_every_python_of_a_package_has_all_libraries_for_the_packages_machine(
    architecture: str, tmp_path: Path
) -> None:
    deb = package(architecture)
    needed("dpkg-deb", "dpkg")
    done(["dpkg-deb", "--extract", str(deb), str(tmp_path)])
    pythons = sorted((tmp_path / "opt/canlift/lib").iterdir())
    assert [python.name for python in pythons] == ["python3.11", "python3.12", "python3.13"]
    distributions = [{path.name for path in python.rglob("*.dist-info")} for python in pythons]
    assert distributions[0] == distributions[1] == distributions[2]
    for python in pythons:
        libraries = list(python.rglob("*.so"))
        assert len(libraries) >= 4
        for library in libraries:
            assert struct.unpack_from("<18xH", library.read_bytes()[:20])[0] == MACHINES[architecture], library
            version = re.search(r"cpython-3(\d+)", library.name)
            assert version is None or f"python3.{version[1]}" == python.name, library


def test_the_package_of_a_raspberry_pi_runs_there(tmp_path: Path) -> None:
    """An arm64 Debian's own Python, emulated."""
    tree, emulator = debian_of_arm64(tmp_path / "tree"), needed("qemu-aarch64-static", "qemu-user-static")
    done(["dpkg-deb", "--extract", str(package("arm64")), str(tree)])
    shutil.copy(emulator, tree / "usr/bin")
    python = ["chroot", str(tree), "/usr/bin/qemu-aarch64-static", "/opt/canlift/bin/python3"]
    code = "import can, cantools, cryptography.hazmat.bindings._rust, platform; print(platform.machine())"
    assert subprocess.run([*python, "-c", code], capture_output=True, text=True).stdout == "aarch64\n"
    checked = subprocess.run(
        [*python, "/opt/canlift/bin/canlift-agent", "check", "--model", "demo-car"], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert "demo_car.dbc: clean" in checked.stdout


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    words = ["sh", str(ROOT / "systemd/deb/build.sh"), "armhf", str(tmp_path)]
    ended = subprocess.run(words, capture_output=True, text=True, env={"PYTHON": sys.executable})
    assert (ended.returncode, ended.stderr) == (2, "build.sh: expected amd64 or arm64, found armhf\n")
