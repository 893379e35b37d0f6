"""The list that is watched: the newest one that the cloud signed, whatever comes, and through power cuts."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from agent.watching.desired import Desired
from contract.command import Command, encode_command
from contract.upload import Privacy
from contract.watching import NOTHING, WatchList, WatchReport, decode_report
from contract.wire import digest
from tests.agent.watching.lists import FAST, KEYS, LOCKS, NEVER_MS, OURS, THEIRS, VIN, document, signed
from tests.conftest import ROOT


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "watch"


def started(file: Path, keys: dict[bytes, bytes] = KEYS) -> Desired:
    return Desired(VIN, file, keys)


def reported(desired: Desired) -> WatchReport | None:
    report = desired.report()
    return None if report is None else decode_report(report)


def test_a_list_that_comes_is_taken_once_and_reported_when_it_is_applied(file: Path) -> None:
    desired = started(file)
    body = document(7, FAST, LOCKS)
    assert desired.receive(signed(body))
    assert desired.report() is None
    assert desired.take() == WatchList(7, (FAST, LOCKS))
    assert desired.take() is None
    desired.applied(("doorsState.locked*",))
    assert reported(desired) == WatchReport(7, digest(body), ("doorsState.locked*",))


def test_a_vehicle_without_a_list_says_so(file: Path) -> None:
    assert reported(started(file)) == WatchReport(0, NOTHING)


def test_it_holds_after_a_start_without_a_network(file: Path) -> None:
    started(file).receive(signed(document(7, FAST)))
    again = started(file)
    assert again.take() == WatchList(7, (FAST,))
    assert not again.receive(signed(document(7, FAST)))
    assert again.take() is None


def test_a_list_that_was_taken_survives_a_kill(file: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from agent.watching.desired import Desired; from tests.agent.watching import lists\n"
        "desired = Desired(lists.VIN, Path(sys.argv[1]), lists.KEYS)\n"
        "assert desired.receive(lists.signed(lists.document(7, lists.FAST)))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(file)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert started(file).take() == WatchList(7, (FAST,))


def test_only_a_greater_number_takes_its_place(file: Path) -> None:
    desired = started(file)
    desired.receive(signed(document(7, FAST)))
    assert not desired.receive(signed(document(7, LOCKS)))
    assert not desired.receive(signed(document(6, LOCKS)))
    assert desired.watched == WatchList(7, (FAST,))
    assert desired.receive(signed(document(8)))
    assert desired.take() == WatchList(8)
    assert started(file).watched == WatchList(8)


def test_who_sent_an_older_one_is_told_of_the_newer(file: Path) -> None:
    desired = started(file)
    desired.receive(signed(document(7, FAST)))
    desired.take()
    desired.applied(())
    desired.sent(1)
    desired.settled(1)
    assert desired.report() is None
    desired.receive(signed(document(6, LOCKS)))
    assert reported(desired) == WatchReport(7, digest(document(7, FAST)))


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff",
        document(7, FAST),
        signed(document(7, FAST), key=THEIRS),
        signed(document(7, FAST), vin="VR3CANL1FT0000002"),
        signed(b"no list"),
        encode_command(Command(bytes(16), VIN, NEVER_MS, Privacy.FULL), OURS),
        encode_command(Command(bytes(16), VIN, NEVER_MS, Privacy.FULL)),
    ],
)
def test_what_is_none_or_nobody_signed_is_refused_and_counted(file: Path, payload: bytes) -> None:
    desired = started(file)
    assert not desired.receive(payload)
    assert (desired.take(), desired.refused, file.exists()) == (None, 1, False)


def test_what_the_broker_was_emptied_of_is_no_list(file: Path) -> None:
    desired = started(file)
    desired.receive(signed(document(7, FAST)))
    assert not desired.receive(b"")
    assert (desired.watched, desired.refused) == (WatchList(7, (FAST,)), 0)


def test_every_bit_of_a_list_that_flips_on_its_way_is_noticed(file: Path) -> None:
    payload = signed(document(7, FAST))
    desired = started(file)
    for bit in range(0, 8 * len(payload), 7):
        flipped = bytearray(payload)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not desired.receive(bytes(flipped))


def test_a_list_of_a_key_that_is_accepted_no_more_does_not_hold_after_a_start(file: Path) -> None:
    started(file).receive(signed(document(7, FAST)))
    assert started(file, {}).take() is None


def test_a_damaged_file_holds_nothing_and_the_list_is_taken_when_it_comes_again(file: Path) -> None:
    started(file).receive(signed(document(7, FAST)))
    file.write_bytes(file.read_bytes()[:-1])
    desired = started(file)
    assert desired.take() is None
    assert desired.receive(signed(document(7, FAST)))


def test_what_cannot_be_written_holds_all_the_same_and_is_counted(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    desired = started(tmp_path / "state" / "watch")
    assert desired.receive(signed(document(7, FAST)))
    assert desired.take() == WatchList(7, (FAST,))
    assert desired.unwritten == 1


def test_a_report_goes_again_where_it_may_have_been_lost_or_the_broker_knows_us_no_more(file: Path) -> None:
    desired = started(file)
    assert desired.report() is not None
    desired.sent(3)
    assert desired.report() is None
    desired.reconnected(remembered=True)  # The connection ended before the broker had taken it over.
    assert desired.report() is not None
    desired.sent(1)
    desired.settled(1)
    desired.reconnected(remembered=True)
    assert desired.report() is None
    desired.reconnected(remembered=False)
    assert desired.report() is not None
