"""The installed service hears recorded drives on a bus of the box, and what it uploads is what its replay of them does.

`canplayer` plays a drive, and `candump` beside the service is the witness of what was on the bus and when. Then the
service is stopped, and the same program replays the witness's log: the uploads of both must be the same, value for
value, and their ledgers must say of every frame that it was read, or that it was lost.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.plan.compiling import compile_plan
from agent.plan.plan import Plan
from contract.manifest import manifest_id
from contract.upload import Count, Upload, decode_upload
from tests.beds.box.drives import (
    Heard,
    an_hour_earlier,
    at_full_load,
    distances_us,
    heard,
    on_the_boots_clock,
    recorded,
    wanted,
    written,
)
from tests.beds.box.stand import PATIENCE_S, SETTINGS, SHARED, UNIT, Stand, stand
from tests.beds.can.recordings import rav4
from tests.beds.uml import INSIDE
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(INSIDE in os.environ, reason="this is the other bed")]

DRIVE_S = float(os.environ.get("DRIVE_S", "10"))
"""How much of each recording is played at its own pace."""
WITNESS = "/run/heard.log"
SECOND_BUS = '[buses.can1]\nchannel = "vcan1"\n'
DISTANCE = "from agent.bus.socketcan.stamps import boot_and_real_ns as both; boot, real = both(); print(boot - real)"
"""Of the boot's clock from the settable one, nanoseconds; a program of Python."""


class Drive(NamedTuple):
    model: str
    recording: str
    buses: tuple[str, ...] = ("can0",)

    @property
    def log(self) -> str:
        """Below the shared folder."""
        return f"data/logs/{self.recording}.log.gz"


RAV4 = Drive("toyota-rav4", "toyota_rav4_2018_comma2k19_60s")
DRIVES = {
    "giulia": Drive("alfa-giulia", "alfa_giulia_recan_exp3_12s_hard_brake"),
    "rav4": RAV4,
    "commute": Drive("obd2-canmod", "car_obd2_gnss_imu_css_trip1_40min", ("can0", "can1")),
    "truck": Drive("j1939-truck", "truck_j1939_css_127s"),
    "partner": Drive("peugeot-comfort-2004", "peugeot_partner_conf_bus_static"),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, mosquitto_binary: str) -> Iterator[Stand]:
    with stand(tmp_path_factory.mktemp("replay"), mosquitto_binary) as bench:
        bench.box.does("ip link add vcan1 type vcan; ip link set vcan1 up")
        yield bench


class Live(NamedTuple):
    """What became of a drive on the bus."""

    frames: list[Heard]
    """That the service wanted to hear, by the witness."""
    uploads: list[Upload]
    distance_us: int
    """What is added to the witness's times for those of the boot's clock, about."""
    rate: float
    """Frames a second on all buses."""


def drive_for(bench: Stand, model: str, buses: Sequence[str] = ("can0",)) -> None:
    """The service runs for such a vehicle, and has its buses open."""
    bench.settles()
    settings = bench.box.does(f"cat {SETTINGS}")
    settings = re.sub(r"(?m)^profile = .*$", f'profile = "{model}"', settings)
    settings = settings.replace(SECOND_BUS, "")
    if "can1" in buses:
        settings = settings.replace("[asking]", f"{SECOND_BUS}[asking]")
    bench.puts(SETTINGS, settings)
    # Not waited for by the command: a service that never starts is then said so.
    bench.box.does(f"systemctl start --no-block {UNIT}")
    bench.service_is_up()


def played(bench: Stand, plan: Plan, frames: Sequence[Heard], meanwhile: str = "true") -> Live:
    """Plays a drive; `meanwhile` is done in the box beside it. The witness must have heard all of it."""
    log = written(frames, bench.shared / "drive.log")
    distance_us = int(bench.box.does(f'/opt/canlift/bin/python3 -c "{DISTANCE}"')) // 1000
    buses = [f"v{bus}" for bus in plan.buses]
    # It has room for everything, and writes it down when nobody else needs the processor.
    witness = f"candump -L -r 100000000 {' '.join(buses)}"
    bench.box.does(f"systemd-run -q -u witness -p Nice=19 -p StandardOutput=truncate:{WITNESS} {witness}")
    # It hears everything, the service what it wants.
    bench.box.until("cat /proc/net/can/rcvlist_all", lambda said: all(f" {bus} " in said for bus in buses))
    bench.box.does(f"({meanwhile}) & canplayer -I {SHARED}/{log.name} && wait", PATIENCE_S)
    bench.box.until(f"wc -l < {WITNESS}", f"{len(frames)}\n".__eq__)
    bench.box.does(f"systemctl stop witness; cp {WITNESS} {SHARED}/heard.log")
    boot = bench.boot()
    bench.settles()
    told = heard((bench.shared / "heard.log").read_text().splitlines())
    assert Counter(each.text for each in told) == Counter(each.text for each in frames)
    rate = (len(told) - 1) * 1_000_000 / (told[-1].stamp_us - told[0].stamp_us)
    return Live(wanted(plan, told), uploads_of(bench, plan, boot), distance_us, rate)


def uploads_of(bench: Stand, plan: Plan, boot: bytes) -> list[Upload]:
    """All of a boot; none is missing."""
    payloads = {key.sequence: payload for key, payload in bench.bridge.held.items() if key.boot == boot}
    assert sorted(payloads) == list(range(len(payloads)))
    uploads = [decode_upload(payloads[number], plan.manifest) for number in sorted(payloads)]
    assert {upload.manifest for upload in uploads} == {manifest_id(plan.manifest)}
    return uploads


def replayed(bench: Stand, plan: Plan, live: Live, distance_us: int) -> list[Upload]:
    """What the program of the box makes of the witness's log."""
    log = written(on_the_boots_clock(live.frames, distance_us), bench.shared / "replayed.log")
    before = {key.boot for key in bench.bridge.held}
    bench.box.does(f"canlift-agent replay --config {SETTINGS} --state /run/replay {SHARED}/{log.name}", PATIENCE_S)
    (boot,) = {key.boot for key in bench.bridge.held} - before
    # Before the drive stands the frame that begins the recording.
    return [upload for upload in map(an_hour_earlier, uploads_of(bench, plan, boot)) if upload.end_ms > 0]


def said(uploads: Iterable[Upload]) -> Iterator[tuple[object, ...]]:
    """Everything in uploads: how far each goes, each value of each signal, its changes one after the other, each event.

    Nothing that a frame's millisecond decides stands together with anything that another frame's does.
    """
    for upload in uploads:
        yield "from", upload.start_ms
        yield "to", upload.end_ms
        for grid in upload.grids:
            yield "grid", grid.group, grid.start_ms, grid.stride
            for place, column in enumerate(grid.columns):
                for row, raw in enumerate(column):
                    yield grid.group, place, row, raw
        for change in sorted(upload.changes, key=lambda change: change.signal):
            yield change.at_ms, change.signal, change.raw
        yield from upload.events


def is_the_same_as_of_its_file(bench: Stand, plan: Plan, live: Live) -> None:
    least_us, greatest_us = distances_us(plan, live.frames, live.uploads, live.distance_us)
    assert least_us <= greatest_us, "no distance between the clocks explains the times that the service gave"
    early, late = (replayed(bench, plan, live, distance_us) for distance_us in (least_us, greatest_us))
    values = list(zip(said(live.uploads), said(early), said(late), strict=True))
    open_ones = sum(one != other for _, one, other in values)
    print(
        f"{len(live.frames)} frames wanted at {live.rate:.0f} a second in all, {len(values)} values in"
        f" {len(live.uploads)} uploads; distance known to {greatest_us - least_us} µs, which leaves {open_ones} open"
    )
    wrong = [each for each in values if each[0] not in each[1:]]
    assert not wrong, f"{len(wrong)}, the first: {wrong[:5]}"
    assert counted(live.uploads) == counted(early) == counted(late)


def counted(uploads: Iterable[Upload]) -> Counter[Count]:
    """What the ledgers say, in all."""
    total: Counter[Count] = Counter()
    for upload in uploads:
        total.update(upload.ledger.counts)
    return total


@pytest.mark.parametrize("name", DRIVES)
def test_a_drive_on_the_bus_uploads_what_the_replay_of_its_file_does(bench: Stand, name: str, shared: Path) -> None:
    drive = DRIVES[name]
    plan = compile_plan(ROOT / "config/vehicles" / f"{drive.model}.toml")
    drive_for(bench, drive.model, drive.buses)
    live = played(bench, plan, recorded(shared / drive.log, DRIVE_S, drive.buses))
    assert counted(live.uploads)[Count.FRAMES] == len(live.frames)
    is_the_same_as_of_its_file(bench, plan, live)


@pytest.fixture
def rav4_of_many(bench: Stand, shared: Path, tmp_path: Path) -> Plan:
    """A profile that wants four of five frames of the RAV4, and the service with it."""
    profile = rav4(shared, tmp_path, on_change=12)
    (database,) = (shared / "data/dbc").glob("toyota_rav4_merged.dbc")
    bench.box.does("install -d -m 755 /etc/canlift/vehicles")
    bench.puts("/etc/canlift/vehicles/many.toml", profile.read_text().replace(str(database), database.name))
    bench.puts(f"/etc/canlift/vehicles/{database.name}", database.read_text())
    drive_for(bench, "many")
    return compile_plan(profile)


def test_a_full_bus_of_500_kbit_loses_nothing_and_uploads_what_its_file_does(
    bench: Stand, rav4_of_many: Plan, shared: Path
) -> None:
    frames = at_full_load(recorded(shared / RAV4.log, 60, RAV4.buses))
    live = played(bench, rav4_of_many, frames)
    ledger = counted(live.uploads)
    assert ledger[Count.OVERRUN] == 0
    assert ledger[Count.FRAMES] == len(live.frames)
    is_the_same_as_of_its_file(bench, rav4_of_many, live)


def test_what_a_full_bus_says_while_the_service_is_held_up_is_lost_and_counted_to_the_frame(
    bench: Stand, rav4_of_many: Plan, shared: Path
) -> None:
    """On a box whose kernel gives a socket no more room than it does by itself."""
    bench.box.does(f"sysctl -q net.core.rmem_max=212992; systemctl restart {UNIT}")
    held_up = f"sleep 1; systemctl kill -s STOP {UNIT}; sleep 3; systemctl kill -s CONT {UNIT}"
    live = played(bench, rav4_of_many, at_full_load(recorded(shared / RAV4.log, 40, RAV4.buses)), held_up)
    bench.box.does("sysctl -q net.core.rmem_max=4194304")
    ledger = counted(live.uploads)
    print(f"{live.rate:.0f} frames a second; {ledger[Count.OVERRUN]} of {len(live.frames)} lost")
    assert ledger[Count.OVERRUN] > 0
    assert ledger[Count.FRAMES] + ledger[Count.OVERRUN] == len(live.frames)
