"""The package on a box: the service by itself, killed, hung, cut off from power, and with what a box meets in life."""

from __future__ import annotations

import base64
import os
import time
from pathlib import Path
from zlib import crc32

import pytest

from agent.journal.segments import MARKER, VERSION
from tests.beds.box.stand import PATIENCE_S, SETTINGS, UNIT, Stand
from tests.beds.box.tree import VIN, package
from tests.beds.uml import INSIDE

pytestmark = [pytest.mark.slow, pytest.mark.skipif(INSIDE in os.environ, reason="this is the other bed")]

WATCHED = "/run/systemd/system/canlift-agent.service.d/watched.conf"
NEWER = Path("/var/lib/canlift") / VIN / "journal" / "00000000.segment"


def shown(bench: Stand, field: str) -> str:
    return bench.box.does(f"systemctl show -p {field} --value {UNIT}").strip()


def restarts(bench: Stand) -> int:
    return int(shown(bench, "NRestarts"))


def is_started_again_after(bench: Stand, harm: str) -> None:
    before = restarts(bench)
    bench.box.does(harm)
    bench.box.until(f"systemctl show -p NRestarts --value {UNIT}", lambda said: int(said) > before, PATIENCE_S)
    bench.service_is_up()


def test_a_box_that_is_switched_on_has_a_service_that_says_how_it_is(bench: Stand) -> None:
    assert bench.box.does("systemctl is-system-running --wait", PATIENCE_S) == "running\n"
    assert VIN in shown(bench, "StatusText")
    assert "demo-car" in bench.box.does("canlift-agent status --once")


def test_the_service_has_no_rights_that_it_does_not_need(bench: Stand) -> None:
    process = f"/proc/{shown(bench, 'MainPID')}"
    lines = bench.box.does(f"cat {process}/status").splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    assert {int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert bench.box.does(f"stat -c %U {process}").strip() == "canlift"
    for secret in ("/etc/canlift", "/var/lib/canlift"):
        assert bench.box.asked(f"setpriv --reuid=nobody --clear-groups ls {secret}").status == 2


def test_a_socket_holds_a_second_of_a_full_bus_without_a_right_to_it(bench: Stand) -> None:
    assert bench.box.does("sysctl -n net.core.rmem_max") == "4194304\n"


def test_what_is_played_on_the_bus_arrives(bench: Stand) -> None:
    bench.hears()
    assert bench.bridge.refused == []


def test_a_killed_service_is_started_again_and_goes_on(bench: Stand) -> None:
    is_started_again_after(bench, f"systemctl kill -s KILL {UNIT}")
    bench.hears()


def test_a_service_that_hangs_is_started_again_by_the_watchdog(bench: Stand) -> None:
    bench.box.does(f"mkdir -p $(dirname {WATCHED}); printf '[Service]\nWatchdogSec=5s\n' > {WATCHED}")
    bench.box.does(f"systemctl daemon-reload; systemctl restart {UNIT}")
    bench.service_is_up()
    is_started_again_after(bench, f"systemctl kill -s STOP {UNIT}")
    assert "Watchdog timeout (limit 5s)!" in bench.log()
    bench.box.does(f"rm {WATCHED}; systemctl daemon-reload; systemctl restart {UNIT}")
    bench.service_is_up()


def test_an_upgrade_of_a_box_that_runs_goes_on_with_what_waits(bench: Stand) -> None:
    bench.loses_what_is_sent = True
    bench.box.does("systemctl start drive")
    bench.box.until("canlift-agent journal --json", lambda said: '"uploads": 0' not in said, PATIENCE_S)
    written, process = bench.waiting(), shown(bench, "MainPID")
    bench.loses_what_is_sent = False
    bench.box.does(f"mount -t hostfs none /mnt -o {package().parent}; dpkg -i /mnt/*.deb; umount /mnt", 400)
    bench.service_is_up()
    assert shown(bench, "MainPID") != process
    assert shown(bench, "NRestarts") == "0"
    assert bench.takes(lambda bridge: written <= bridge.held.keys())
    bench.box.does("systemctl stop drive")


def test_systemd_networkd_understands_the_shipped_file_of_a_bus(bench: Stand) -> None:
    """The kernel here has no can0 with a bit rate; that the file is read without a complaint it can show."""
    bench.box.does("ip link add can0 type vcan")
    bench.box.until("networkctl --no-legend list can0", lambda said: " configured" in said)
    said = bench.log("systemd-networkd")
    assert "can0: Configuring with /etc/systemd/network/80-can0.network" in said
    assert [line for line in said.splitlines() if "80-can0.network:" in line] == []


@pytest.mark.parametrize("moment", ["1970-01-01 02:00", "2038-02-01 02:00"])
def test_a_box_with_a_wrong_clock_collects_and_sends(bench: Stand, moment: str) -> None:
    """Not before the box is on, and past what 32 bits count to."""
    bench.box.does(f"date -s '{moment}'")
    bench.box.does(f"systemctl restart {UNIT}")
    bench.service_is_up()
    bench.hears()
    assert bench.box.does("date +%Y").strip() == moment[:4]
    bench.box.does(f"date -s @{time.time():.0f}")


def test_settings_that_the_service_may_not_read_are_named_and_mended_settings_serve_by_themselves(bench: Stand) -> None:
    bench.box.does(f"chown root:root {SETTINGS}; chmod 600 {SETTINGS}; systemctl --no-block restart {UNIT}")
    wanted = f"{SETTINGS}: cannot be read by the user canlift: Permission denied"
    bench.box.until(f"journalctl -b --no-pager -o cat -u {UNIT}", lambda said: wanted in said, PATIENCE_S)
    bench.box.does(f"chgrp canlift {SETTINGS}; chmod 640 {SETTINGS}")
    bench.service_is_up()


def test_what_a_newer_version_left_is_named_and_left_alone(bench: Stand) -> None:
    rest = bytes(40)
    counted = bytes([VERSION + 1]) + len(rest).to_bytes(4, "little")
    record = MARKER + counted + crc32(rest, crc32(counted)).to_bytes(4, "little") + rest
    encoded = base64.b64encode(record).decode()
    bench.box.does(f"systemctl stop {UNIT}; echo {encoded} | base64 -d > {NEWER}; chown canlift:canlift {NEWER}")
    bench.box.does(f"systemctl start {UNIT}")
    bench.service_is_up()
    assert "were written by a newer version of canlift and are left alone: " in bench.log()
    bench.hears()
    assert bench.box.does(f"base64 -w0 {NEWER}") == encoded
    bench.box.does(f"systemctl stop {UNIT}; rm {NEWER}; systemctl start {UNIT}")
    bench.service_is_up()


def test_a_bus_that_is_missing_at_boot_is_taken_up_when_it_comes(bench: Stand) -> None:
    bench.box.does("mv /etc/systemd/network/80-vcan0.netdev /var/tmp/; sync")
    bench.cut_and_boot()
    bench.service_is_up()
    assert bench.box.asked("ip link show vcan0").status != 0
    bench.box.does("mv /var/tmp/80-vcan0.netdev /etc/systemd/network/; networkctl reload")
    bench.box.until("ip link show vcan0", lambda said: "UP" in said)
    bench.hears()
