"""install.sh in a clean Debian, without a network: installed, upgraded, refused with a reason, and gone again."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.beds.box.tree import inside, package, wheels
from tests.conftest import ROOT, needed
from tests.systemd.looking import files, number_of, owner, says

SETTINGS = "etc/canlift/agent.toml"
BUS = "etc/systemd/network/80-can0.network"
JOURNAL = "var/lib/canlift/VR3CANL1FT0000001/journal/00000001.segment"
SCRIPTS = sorted([*(ROOT / "systemd").glob("*.sh"), ROOT / "systemd/deb/build.sh", *(ROOT / "systemd/deb").glob("p*")])


def run(tree: Path, *words: str, room: str = "") -> subprocess.CompletedProcess[str]:
    binds = tuple(f"{ROOT / name}:/checkout/{name}" for name in ("systemd", "config"))
    return inside(tree, "sh", "/checkout/systemd/install.sh", *words, binds=(*binds, f"{wheels()}:/wheels"), room=room)


def install(tree: Path, room: str = "") -> subprocess.CompletedProcess[str]:
    (wheel,) = wheels().glob("canlift-*.whl")
    return run(tree, "install", f"/wheels/{wheel.name}", "--wheels", "/wheels", room=room)


def installed(tree: Path) -> str:
    ended = install(tree)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def refused(tree: Path, room: str = "") -> str:
    ended = install(tree, room)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    return ended.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_shellcheck_finds_nothing_in_a_script(script: Path) -> None:
    done = subprocess.run([needed("shellcheck", "shellcheck"), str(script)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.slow
def test_installed_it_runs_again_and_again_and_uninstalled_leaves_what_it_says(box: Path) -> None:
    before = files(box)
    assert "say in /etc/canlift/agent.toml which vehicle this is" in installed(box)
    group = number_of(box, "canlift")
    assert owner(box / "etc/canlift") == (0, group, "drwxr-x---")
    assert owner(box / SETTINGS) == (0, group, "-rw-r-----")
    assert says(box, "systemctl", "is-enabled", "canlift-agent") == "enabled\n"
    started = inside(box, "runuser", "-u", "canlift", "--", "/opt/canlift/bin/canlift-agent", "run")
    assert "/etc/canlift/agent.toml:4: vin: '' is no VIN" in started.stderr

    kept = {SETTINGS: "# mine\n", BUS: "# mine too\n", JOURNAL: "uploads"}
    for name, text in kept.items():
        (box / name).parent.mkdir(parents=True, exist_ok=True)
        (box / name).write_text(text)
    says(box, "systemctl", "disable", "-q", "canlift-agent")
    once = {name.replace(environment(box), "") for name in files(box)}
    assert installed(box) == ""
    assert {name.replace(environment(box), "") for name in files(box)} == once
    assert inside(box, "systemctl", "is-enabled", "canlift-agent").stdout == "disabled\n"
    assert {name: (box / name).read_text() for name in kept} == kept
    assert "clean" in says(box, "canlift-agent", "check", "--model", "demo-car")

    said = run(box, "uninstall")
    assert said.returncode == 0, said.stderr
    left = files(box) - before - {"wheels", "checkout", "checkout/systemd", "checkout/config"}
    ours = {name for name in left if "canlift" in name or name == BUS}
    assert {name for name in ours if not re.match(r"etc/canlift|var/lib/canlift|" + BUS, name)} == set()
    assert kept.keys() <= left
    assert (
        "what is left of canlift: /etc/canlift, /etc/systemd/network/80-can0.network, /var/lib/canlift" in said.stdout
    )
    assert run(box, "uninstall", "--purge").stdout == "what is left of canlift: the user canlift (deluser canlift)\n"
    assert {name for name in files(box) if "canlift" in name or name == BUS} == set()


def environment(tree: Path) -> str:
    """The name of the one that there is."""
    (folder,) = (tree / "opt/canlift").glob("environment.*")
    return folder.name


@pytest.mark.slow
def test_what_it_cannot_do_it_says_and_installs_nothing(box: Path) -> None:
    refusals = []
    (ensurepip,) = (box / "usr/lib").glob("python3*/ensurepip")
    ensurepip.rename(ensurepip.with_name("ensurepip.away"))
    refusals.append(refused(box))
    ensurepip.with_name("ensurepip.away").rename(ensurepip)

    (box / "etc/canlift").mkdir(mode=0o755)
    refusals.append(refused(box))
    (box / "etc/canlift").chmod(0o750)
    (box / SETTINGS).touch(0o600)
    refusals.append(refused(box))
    shutil.rmtree(box / "etc/canlift")

    (box / "opt").mkdir(exist_ok=True)
    refusals.append(refused(box, "/opt:size=20M"))
    assert "python3 cannot make virtual environments (apt-get install python3-venv)\n" in refusals[0]
    assert "/etc/canlift: everybody may look into it, and it holds secrets: chgrp" in refusals[1]
    assert "/etc/canlift/agent.toml: the user canlift cannot read it: chgrp canlift" in refusals[2]
    assert "/opt/canlift: 20 MB are free there and 150 MB are needed; nothing was installed" in refusals[3]
    assert not (box / SETTINGS).exists()
    assert not (box / "etc/systemd/system/canlift-agent.service").exists()


@pytest.mark.slow
def test_a_box_with_the_package_is_left_to_the_package(box: Path) -> None:
    deb = f"{package()}:/package.deb"
    assert inside(box, "dpkg", "-i", "/package.deb", binds=(deb,)).returncode == 0
    assert "the Debian package canlift-agent is installed" in refused(box)


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["install"], ["install", "a", "--wheel", "b"], ["uninstall", "--all"]])
def test_wrong_words_are_answered_with_the_right_ones(clean: Path, words: list[str]) -> None:
    done = run(clean, *words)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: install.sh install WHEEL [--wheels FOLDER]\n")


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["install", "--help"], ["uninstall", "--purge", "-h"]])
def test_who_asks_for_help_is_told_what_each_word_does_and_nothing_is_done(words: list[str]) -> None:
    done = subprocess.run(["sh", str(ROOT / "systemd/install.sh"), *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"^  ([a-z-]+)\b.*  ", done.stdout, re.MULTILINE) == [
        "install",
        "--wheels",
        "uninstall",
        "--purge",
    ]


@pytest.mark.slow
def test_an_upgrade_that_fails_leaves_what_was_there(box: Path) -> None:
    installed(box)
    before = files(box)
    wheel = box / "canlift-9.9.9-py3-none-any.whl"
    wheel.write_bytes(b"cut short")
    failed = run(box, "install", f"/{wheel.name}", "--wheels", "/wheels")
    assert failed.returncode == 1
    assert "what was installed before still is" in failed.stderr
    wheel.unlink()
    assert files(box) == before
    assert "clean" in says(box, "canlift-agent", "check", "--model", "demo-car")
