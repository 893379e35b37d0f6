"""Disks that are full, only read, or not there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contract.version import VERSION
from tests.beds.box.stand import PATIENCE_S, SHARED, UNIT, Stand
from tests.beds.uml import INSIDE
from tests.conftest import ROOT
from tests.systemd.test_deb import NEWER, newer

pytestmark = [pytest.mark.slow, pytest.mark.skipif(INSIDE in os.environ, reason="this is the other bed")]

FILLED = "/var/tmp/filled"
FILL = f"""
mkdir {FILLED}
size=$((1 << 30)) count=0
while [ $size -ge 4096 ]; do
  if fallocate -l $size {FILLED}/$count 2> /dev/null; then count=$((count + 1)); else size=$((size / 2)); fi
done
"""


@contextmanager
def full(bench: Stand, left: str = "0") -> Iterator[None]:
    """The box's disk has so much room left as `head` names it, that which is kept for root included."""
    room = "/var/tmp/room"
    bench.box.does(f"head -c {left} /dev/zero > {room}; {FILL} rm {room}; sync")
    try:
        yield
    finally:
        bench.box.does(f"rm -r {FILLED}; sync")


def version(bench: Stand) -> str:
    return bench.box.does("dpkg-query --show -f '${Version} ${db:Status-Status}' canlift-agent")


def test_an_upgrade_that_finds_the_disk_full_says_so_and_the_old_version_runs_on(bench: Stand, tmp_path: Path) -> None:
    deb = newer(tmp_path).rename(bench.shared / "next.deb")
    upgrade = f"dpkg -i {SHARED}/{deb.name}"
    with full(bench, "8M"):
        refused = bench.box.asked(upgrade, 400)
        assert refused.status != 0
        assert "No space left on device" in refused.output
        bench.service_is_up()
        bench.hears()
        assert version(bench) == f"{VERSION} installed"
        compiled = "/opt/canlift/lib/python3.11/site-packages/agent/live/__pycache__/run.cpython-311.pyc"
        assert bench.box.asked(f"test -s {compiled}").status == 0, "each start compiles everything anew"
    bench.box.does(upgrade, 400)
    bench.service_is_up()
    bench.hears()
    assert version(bench) == f"{NEWER} installed"


def test_while_the_disk_is_full_what_is_collected_waits_in_memory_and_is_said_to(bench: Stand) -> None:
    bench.settles()
    bench.box.does(f"systemctl start {UNIT}")
    boot = bench.boot()
    bench.loses_what_is_sent = True
    with full(bench):
        bench.box.does("systemctl start drive")
        status = f"systemctl show -p StatusText --value {UNIT}"
        full_words = "in memory only: less than 16777216 bytes would be left free"
        bench.box.until(status, lambda said: full_words in said, PATIENCE_S)
        assert bench.waiting() == set()
    bench.box.until(status, lambda said: "in memory only" not in said, PATIENCE_S)
    bench.box.does("systemctl stop drive")
    bench.loses_what_is_sent = False
    bench.settles()
    numbers = sorted(key.sequence for key in bench.bridge.held if key.boot == boot)
    assert numbers == list(range(len(numbers))) != []


def tabled(bench: Stand) -> None:
    """The box has the table of disks that the page on the Raspberry Pi shows."""
    (table,) = re.findall(r"(?m)^LABEL=root .*\n(?:^\S+ .*\n)+", (ROOT / "docs/raspberry-pi.md").read_text())
    bench.box.does("mount -o remount,rw /")
    bench.puts("/etc/fstab", table)
    bench.box.does("rm -rf /var/lib/canlift/*; sync")


def test_the_service_waits_for_a_journals_disk_that_is_missing_at_the_start_and_nothing_else_does(bench: Stand) -> None:
    tabled(bench)
    bench.cut_and_boot(data=False)
    bench.box.until("systemctl is-active systemd-networkd", "active\n".__eq__, PATIENCE_S)
    bench.box.until("systemctl list-jobs", lambda said: f"{UNIT}.service start waiting" in " ".join(said.split()))
    disk = "systemctl show -p JobRunningTimeoutUSec --value 'dev-disk-by\\x2dlabel-canlift.device'"
    assert bench.box.does(disk) == "infinity\n"
    assert bench.box.does("ls /var/lib/canlift") == ""
    bench.plugs_data_in()
    bench.service_is_up()
    assert bench.box.does("findmnt -no SOURCE /var/lib/canlift") == "/dev/loop0\n"
    bench.hears()


def test_with_a_root_that_is_only_read_the_journal_is_on_its_own_disk_and_survives(bench: Stand) -> None:
    tabled(bench)
    bench.cut_and_boot()
    bench.service_is_up()
    assert bench.box.does("findmnt -no OPTIONS /").startswith("ro,")
    assert bench.box.does("findmnt -no LABEL /var/lib/canlift") == "canlift\n"
    bench.loses_what_is_sent = True
    bench.box.does("systemctl start drive")
    bench.box.until("canlift-agent journal --json", lambda said: '"uploads": 0' not in said, PATIENCE_S)
    written = bench.waiting()
    bench.loses_what_is_sent = False
    bench.cut_and_boot()
    bench.service_is_up()
    assert bench.takes(lambda bridge: written <= bridge.held.keys())
