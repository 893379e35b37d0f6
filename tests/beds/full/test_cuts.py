"""The service as it is installed, and its disk as a power cut would have left it at any of many moments.

One machine runs, and all that it writes is recorded. What the agent promises meanwhile is noted with how far the
recording was: a cut later than that must have it. QEMU's disk keeps nothing that was not flushed, unless by chance
(`tests.beds.full.writelog`), so an fsync that is missing shows.
"""

from __future__ import annotations

import base64
import ctypes
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.journal.journal import Journal
from agent.journal.segments import Key, read_segment
from agent.remote.executed import Executed
from agent.remote.making import EXECUTED
from contract.actions import Doors
from contract.receipt import Receipt
from contract.result import Outcome
from tests.agent.remote import model
from tests.agent.remote.cloud import OUR_KEY, Cloud
from tests.beds.far import PLAIN_PORT
from tests.beds.full.bench import LOG, Bench, bench
from tests.beds.full.writelog import Disk, entries
from tests.beds.uml import INSIDE

pytestmark = [pytest.mark.slow, pytest.mark.skipif(INSIDE in os.environ, reason="this is another bed")]

MOMENTS = int(os.environ.get("MOMENTS", "100"))
_NEW_MOUNTS = 0x20000
STATE = f"/var/lib/canlift/{model.VIN}"
PROFILE = f"""{model.PROFILE}
[cadence]
driving = "500ms"
parked = "500ms"
"""
SETTINGS = f"""
[commands]
keys = ["{OUR_KEY}"]
[remote]
enabled = true
allow = ["lock"]
[journal]
flush_every = "1s"
hold = "1s"
segment_bytes = 16384
"""
_READ = f"""python3 -S -c '
import base64, glob, socket
for path in sorted(glob.glob("{STATE}/journal/*.segment")):
    print(base64.b64encode(open(path, "rb").read()).decode())
answer = ""
while "depth" not in answer:
    asking = socket.socket(socket.AF_UNIX)
    asking.connect("/run/canlift/status.sock")
    answer = asking.makefile().read()
'"""
"""The journal's segments, and then an answer of the agent with its journal's depth: what was being written as they
were read is flushed by then, since it is not counted meanwhile. While a slow disk is waited for the answer has none."""


@dataclass
class Kept:
    """What the agent has promised to keep, and until when."""

    uploads: dict[Key, tuple[int, bytes]] = field(default_factory=dict)
    """In the journal on the disk: since when, and with which payload."""
    receipted: dict[Key, int] = field(default_factory=dict)
    """Since when an upload may be deleted."""
    actions: dict[bytes, int] = field(default_factory=dict)
    """Since when a command has been taken up, by its id."""

    def at(self, moment: int) -> dict[Key, bytes]:
        """What must be in the journal."""
        return {
            key: payload
            for key, (since, payload) in self.uploads.items()
            if since <= moment < self.receipted.get(key, moment + 1)
        }


class Noting(Cloud):
    """A bridge that notes what it is sent, and how far the recording was as it gave its receipts."""

    def __init__(self, recording: Path) -> None:
        self.kept = Kept()
        self.seen: dict[Key, bytes] = {}
        self.changed: list[Key] = []
        """Uploads that came again and were not the same."""
        self._recording = recording
        super().__init__(PLAIN_PORT)
        number, self._number = self._number, self._noted
        self._number_of = number

    def how_far(self) -> int:
        return self._recording.stat().st_size

    def say(self, vin: str, receipt: Receipt) -> None:
        for held in receipt.held:
            for sequence in held:
                self.kept.receipted.setdefault(Key(receipt.boot, sequence), self.how_far())
        super().say(vin, receipt)

    def _noted(self, payload: bytes) -> Key | None:
        key = self._number_of(payload)
        if key is not None and self.seen.setdefault(key, payload) != payload:
            self.changed.append(key)
        return key


@pytest.fixture(scope="module")
def car(tmp_path_factory: pytest.TempPathFactory, mosquitto_binary: str) -> Iterator[Bench[Noting]]:
    folder = tmp_path_factory.mktemp("cuts")
    with bench(folder, mosquitto_binary, lambda: Noting(folder / LOG), recorded=True) as made:
        made.put("/etc/canlift/vehicles/car.dbc", model.DATABASE)
        made.put("/etc/canlift/vehicles/car.toml", PROFILE)
        made.put("/etc/systemd/network/80-can0.network.d/transmits.conf", "[CAN]\nListenOnly=no\n")
        made.box.plug_can()
        made.box.does("networkctl reload")
        for words in ("-I 100 -D 0000000000000000", "-I 200 -D 0200000000000000"):
            made.box.does(f"systemd-run -q cangen car0 -L 8 -g 100 {words}")
        made.set(model.VIN, "vehicles/car.toml", SETTINGS)
        yield made


def note_what_is_kept(car: Bench[Noting]) -> None:
    read = car.box.does(_READ)
    moment = car.bridge.how_far()
    for line in read.split():
        data = base64.b64decode(line)
        for record in read_segment(data).records:
            car.bridge.kept.uploads.setdefault(record.key, (moment, record.payload(data)))


def take_up(car: Bench[Noting]) -> None:
    """A command, until the vehicle has said that it has taken it up."""
    bridge = car.bridge
    while True:
        command = bridge.command(Doors(locked=True))
        bridge.send(command)
        car.takes(lambda bridge: bool(bridge.outcomes(command)))  # noqa: B023
        if bridge.outcomes(command)[0] is Outcome.RECEIVED:
            bridge.kept.actions[command.id] = bridge.how_far()
            assert bridge.told(command)
            return
        assert bridge.outcomes(command) == [Outcome.TIMELESS]
        time.sleep(0.5)


def drive(car: Bench[Noting]) -> None:
    """Some of what happens to a vehicle: the bridge is silent, so that uploads pile up; it answers again; it is asked
    for something."""
    for _ in range(4):
        car.bridge.deaf = lambda _: True
        for _ in range(5):
            time.sleep(1)
            note_what_is_kept(car)
        car.bridge.deaf = lambda _: False
        take_up(car)
        note_what_is_kept(car)


def mounts_of_its_own() -> None:
    """What this thread mounts from now on is gone with it, also when the test is killed."""
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_MOUNTS):
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


@contextmanager
def mounted(disk: bytearray, folder: Path) -> Iterator[Path]:
    """A disk's files. The kernel puts right what the cut left, as the box's would."""
    image, files = folder / "cut.img", folder / "cut"
    image.write_bytes(disk)
    files.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", image, files], check=True)
    try:
        yield files
    finally:
        subprocess.run(["umount", files], check=True)


def after_the_cut(state: Path) -> tuple[dict[Key, bytes], Executed]:
    """What an agent that starts there has."""
    with Journal(state / "journal", time.monotonic) as journal:
        pending = {each.key: each.payload for each in journal.pending(journal.depth)}
    return pending, Executed(state / EXECUTED)


def most_kept(car: Bench[Noting], cuts: Counter[int], chance: random.Random, folder: Path) -> int:
    """Judges each cut, by where the recording was; how many uploads had to be in the journal after one at most."""
    kept, most = car.bridge.kept, 0
    disk = Disk((car.folder / "before.img").read_bytes())
    for entry in entries(car.folder / LOG):
        disk.write(entry)
        must = kept.at(entry.end)
        for _ in range(cuts[entry.end]):
            most = max(most, len(must))
            with mounted(disk.after_a_cut(chance), folder) as files:
                pending, executed = after_the_cut(files / model.VIN)
            assert {key: pending.get(key) for key in must} == must, f"cut after {entry.end} bytes"
            again = pending.keys() & car.bridge.seen.keys()
            assert {key: pending[key] for key in again} == {key: car.bridge.seen[key] for key in again}
            for identity, since in kept.actions.items():
                assert since > entry.end or executed.entry(identity) is not None
    return most


def test_whenever_the_power_is_cut_nothing_is_lost_changed_or_done_twice(car: Bench[Noting], tmp_path: Path) -> None:
    begin = car.bridge.how_far()
    drive(car)
    car.box.cut()
    chance = random.Random(6)
    ends = [entry.end for entry in entries(car.folder / LOG)]
    cuts = Counter(chance.choices([end for end in ends if end > begin], k=MOMENTS))
    with ThreadPoolExecutor(1, initializer=mounts_of_its_own) as apart:
        most = apart.submit(most_kept, car, cuts, chance, tmp_path).result()
    assert most > 5, "no cut met a journal with something in it"
    assert len(car.bridge.kept.actions) == 4
    assert car.bridge.changed == []
    assert car.bridge.refused == []
