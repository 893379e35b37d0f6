"""What is installed where systemd runs: started, upgraded, stopped and gone again, by the package and by install.sh.

The kernel there has no CAN: the bus is python-can's `virtual`, on which nothing is said. Of what waits in the journal
the recorded drive is: there is no broker.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.beds.box.tree import DRIVE, of_the_demo_car, package, wheels
from tests.beds.nspawn import Machine, started
from tests.conftest import ROOT
from tests.documents import Shown

SETTINGS = Path("etc/canlift/agent.toml")
STATE = Path("var/lib/canlift")
BUS = Path("etc/systemd/network/80-can0.network")
UNIT = "canlift-agent"
REPLAY = "runuser -u canlift -- canlift-agent replay /drive.log.gz --config /etc/canlift/agent.toml --timeout 1"

pytestmark = pytest.mark.slow


def fill_in(tree: Path) -> str:
    text = of_the_demo_car((tree / SETTINGS).read_text()).replace('# interface = "socketcan"', 'interface = "virtual"')
    (tree / SETTINGS).write_text(text)
    return text


def process(machine: Machine) -> str:
    """The service's, and that it is up."""
    assert machine.does(f"systemctl is-active {UNIT}") == "active\n"
    return machine.does(f"systemctl show -p MainPID --value {UNIT}").strip()


def waiting(machine: Machine) -> int:
    (inventory,) = json.loads(machine.does("canlift-agent journal --json"))
    uploads: int = inventory["uploads"]
    return uploads


def is_gone(machine: Machine) -> None:
    assert machine.asked(f"systemctl is-active {UNIT}").stdout != "active\n"
    assert machine.asked("pgrep -u canlift").stdout == ""
    assert machine.does("systemctl list-units --no-legend --failed").strip() == ""


@pytest.mark.types("README.md", "On a box", but="^make ")
@pytest.mark.types("docs/raspberry-pi.md", "Installing", but="^(make|nano) ")
@pytest.mark.types("docs/raspberry-pi.md", "The CAN HAT")
def test_the_package_on_a_box_that_runs_does_what_is_written(box: Path, shown: Shown) -> None:
    folder = box / "root/dist"
    folder.mkdir()
    name = "canlift-agent_0.1.0_arm64.deb"
    binds = [f"{package()}:/root/{name}", f"{package()}:/root/dist/{name}", f"{DRIVE}:/drive.log.gz"]
    with started(box, binds) as machine:
        machine.does("ip link add can0 type veth peer name bus; ip link set bus up")
        for command in shown:
            if "start canlift-agent" in command:
                assert machine.asked(f"systemctl is-active {UNIT}").stdout == "inactive\n", "it is nobody's vehicle yet"
                settings = fill_in(box)
            said = machine.does(command)
        assert "can0" in said
        machine.until("networkctl --no-legend list can0", lambda text: " configured" in text)
        assert process(machine) != "0"
        machine.does(f"apt-get remove -qy {UNIT}")
        is_gone(machine)
        assert (box / SETTINGS).read_text() == settings
        assert (box / STATE).is_dir()
        machine.does(f"apt-get install -q /root/{name}")
        assert process(machine) != "0", "it goes on by itself: the settings were there"
        machine.does(f"apt-get purge -qy {UNIT}")
        is_gone(machine)
    assert [str(left) for left in (SETTINGS.parent, STATE, BUS) if (box / left).exists()] == []


def test_install_sh_where_systemd_runs_starts_upgrades_and_takes_everything_away_again(box: Path) -> None:
    (wheel,) = wheels().glob("canlift-*.whl")
    script = "sh /checkout/systemd/install.sh"
    install = f"{script} install /wheels/{wheel.name} --wheels /wheels"
    binds = [f"{ROOT / name}:/checkout/{name}" for name in ("systemd", "config")]
    with started(box, [*binds, f"{wheels()}:/wheels", f"{DRIVE}:/drive.log.gz"]) as machine:
        assert "then: systemctl start canlift-agent" in machine.does(install)
        assert machine.does(f"systemctl is-enabled {UNIT}") == "enabled\n"
        assert machine.asked(f"systemctl is-active {UNIT}").stdout == "inactive\n"
        settings = fill_in(box)
        assert "uploads are kept in /var/lib/canlift" in machine.asked(REPLAY).stderr
        uploads = waiting(machine)
        assert uploads > 10
        machine.does(f"systemctl start {UNIT}")
        before = process(machine)

        assert machine.does(install) == ""
        assert process(machine) != before
        assert waiting(machine) == uploads
        assert (box / SETTINGS).read_text() == settings
        assert len(list((box / "opt/canlift").glob("environment.*"))) == 1

        assert f"what is left of canlift: /{SETTINGS.parent}, /{BUS}, /{STATE}" in machine.does(f"{script} uninstall")
        is_gone(machine)
        assert (box / SETTINGS).read_text() == settings
        assert len(list((box / STATE).rglob("*.segment"))) > 0
        machine.does(f"{script} uninstall --purge")
    places = ("opt/canlift", "usr/local/bin/canlift-agent", "etc/systemd/system/canlift-agent.service")
    assert [str(left) for left in (*places, SETTINGS.parent, STATE, BUS) if (box / left).exists()] == []
