"""The service's unit: systemd understands every line of it, and it is shut in as far as it can be."""

from __future__ import annotations

import configparser
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from agent.bus.socketcan.sockets import RECEIVE_BYTES
from agent.cli.ending import OTHER_VEHICLE, SETTINGS
from agent.settings.agent import Settings
from agent.settings.health import STATUS_SOCKET
from tests.conftest import ROOT, needed

FOLDER = ROOT / "systemd"
UNIT = FOLDER / "canlift-agent.service"
MOST_EXPOSURE = 1.5


def analyzed(*words: str) -> subprocess.CompletedProcess[str]:
    program = needed("systemd-analyze", "systemd")
    return subprocess.run([program, *words], capture_output=True, text=True)


def said(key: str) -> list[str]:
    """The values of a key of the unit, in their order."""
    return re.findall(rf"^{key}=(.*)$", UNIT.read_text(), re.MULTILINE)


def verified(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    unit = folder / UNIT.name
    # It is not installed here, and systemd-analyze looks for the program.
    unit.write_text(text.replace(f"ExecStart={program()}", "ExecStart=/bin/true"))
    return analyzed("verify", "--recursive-errors=yes", str(unit))


def program() -> str:
    (start,) = said("ExecStart")
    return start.split()[0]


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    done = verified(tmp_path, UNIT.read_text())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_systemd_would_have_found_a_word_that_it_does_not_know(tmp_path: Path) -> None:
    done = verified(tmp_path, UNIT.read_text().replace("PrivateIPC=", "PrivateIpc="))
    assert done.returncode == 1
    assert "Unknown key 'PrivateIpc'" in done.stderr


def test_the_service_is_exposed_to_no_more_than_it_needs() -> None:
    threshold = ["security", "--offline=yes", "--no-pager", str(UNIT), "--threshold"]
    done = analyzed(*threshold, f"{MOST_EXPOSURE * 10:.0f}")
    assert done.returncode == 0, done.stdout
    assert analyzed(*threshold, "5").returncode == 1


def test_the_service_has_no_capability() -> None:
    assert said("CapabilityBoundingSet") == [""]
    assert said("AmbientCapabilities") == []
    assert said("NoNewPrivileges") == ["yes"]


def test_what_a_socket_of_the_agent_may_hold_is_allowed_without_a_capability() -> None:
    allowed = re.search(r"^net\.core\.rmem_max = (\d+)$", (FOLDER / "canlift.sysctl").read_text(), re.MULTILINE)
    assert allowed is not None
    assert int(allowed[1]) >= RECEIVE_BYTES


def test_the_service_is_tried_for_ever_but_in_another_vehicle() -> None:
    assert said("StartLimitIntervalSec") == ["0"]
    assert said("Restart") == ["always"]
    assert said("RestartPreventExitStatus") == [str(OTHER_VEHICLE)]


def test_the_unit_makes_the_folders_that_the_agent_uses() -> None:
    assert Path("/run", *said("RuntimeDirectory")) == STATUS_SOCKET.parent
    assert Path("/etc", *said("ConfigurationDirectory")) == SETTINGS.parent
    assert Path("/var/lib", *said("StateDirectory")) == Settings().state


def test_a_missing_bus_does_not_hold_the_start_up() -> None:
    """A device that the unit wanted or required would be waited for, for a minute and a half."""
    waited_for = [word for key in ("Wants", "Requires", "BindsTo") for value in said(key) for word in value.split()]
    assert [word for word in waited_for if not word.startswith("modprobe@")] == []
    assert "sys-subsystem-net-devices-can0.device" in said("After")[0].split()


def test_the_bus_is_only_listened_to_unless_somebody_says_otherwise() -> None:
    network = configparser.ConfigParser()
    network.read(FOLDER / "network" / "80-can0.network")
    assert dict(network["CAN"]) == {"bitrate": "500K", "listenonly": "yes", "restartsec": "100ms"}
    assert network["Link"]["RequiredForOnline"] == "no"


@pytest.mark.parametrize("key", ["vin", "profile"])
def test_the_shipped_settings_have_the_lines_that_installing_empties(key: str) -> None:
    text = (ROOT / "config" / "agent.toml").read_text()
    assert tomllib.loads(text)[key]
    assert len(re.findall(rf'^{key} = "[^"]*"', text, re.MULTILINE)) == 1
