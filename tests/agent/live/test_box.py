"""The box itself in a live run: real ports, files and commands, a bus of python-can and a real broker."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import can
import pytest
from msgspec.structs import replace

from agent.bus.losses import Losses
from agent.clocks.system import monotonic_ms
from agent.journal.segments import Key, Priority, segment_files
from agent.lifting import BUDGET, lifting
from agent.live.box import Box
from agent.live.health import gnss_health, modem_health, power_health
from agent.live.run import run
from agent.plan.plan import Plan
from agent.privacy.guard import Outcome
from agent.sampling.sampler import Sampler
from agent.settings.agent import Settings
from agent.settings.bus import BusSettings
from agent.settings.gnss import GnssSettings
from agent.settings.modem import ModemSettings
from agent.settings.power import PowerSettings
from agent.settings.privacy import PrivacySettings
from agent.settings.uplink import Budget, UplinkSettings
from contract.configuration import Duration
from contract.upload import Privacy, Reason, Upload, decode_upload, read_header
from tests.agent.bridge import Bridge, eventually, number_of
from tests.agent.gnss.test_nmea import gga, rmc
from tests.agent.gnss.test_receiver import TODAY, Port
from tests.agent.journal.disks import made, mounted, needs_disks, remounted
from tests.agent.model import state
from tests.agent.modem import responder
from tests.agent.privacy import world
from tests.conftest import Mosquitto, free_port

VIN = "VR3CANL1FT0000001"
CHANNEL = "canlift-box"
PROFILE = world.PROFILE.replace(
    'from = "Wish.Privacy"\nvalues = { Open = "None", NoPlace = "Geolocation", Nothing = "Full" }', ""
)


def quick(plan: Plan, silence_ms: int = 60_000) -> Plan:
    """Uploads twice a second."""
    return replace(plan, cadences_ms=dict.fromkeys(plan.cadences_ms, 500), silence_ms=silence_ms)


def positions(plan: Plan, upload: Upload) -> bool:
    names = [signal.name for group in plan.manifest.groups for signal in group.signals]
    return any(
        raw is not None and names[number] in world.POSITIONAL
        for grid in upload.grids
        for number, column in zip(plan.groups[grid.group].signals, grid.columns, strict=True)
        for raw in column
    ) or any(change.raw is not None and names[change.signal] in world.POSITIONAL for change in upload.changes)


@contextmanager
def talking(port: Port | None = None) -> Iterator[threading.Event]:
    """The bus, and a receiver at `port`, until the event is set."""
    hushed = threading.Event()

    def talk() -> None:
        second = 0
        with can.Bus(CHANNEL, "virtual") as bus:
            while not hushed.wait(0.05):
                frame = state(0, ignition=1)
                bus.send(can.Message(arbitration_id=frame.id, data=frame.data, is_extended_id=False))
                second += 1
                if port is not None and second % 4 == 0:
                    clock = f"05{second // 60 % 60:02}{second % 60:02}"
                    port.says(rmc(clock, TODAY), gga(clock))

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield hushed
    finally:
        hushed.set()
        thread.join()


@contextmanager
def running(settings: Settings, plan: Plan) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(VIN, settings, plan, stop), kwargs={"drain_s": 2.0})
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)


def test_a_switch_thrown_while_driving_takes_the_position_out_of_all_that_follows(
    mosquitto: Mosquitto, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan = quick(world.plan(tmp_path, PROFILE))
    switch = tmp_path / "switch"
    switch.write_text("None")
    with (
        Port() as port,
        Bridge(mosquitto.port, number_of) as bridge,
        caplog.at_level(logging.DEBUG, logger="agent"),
    ):
        settings = Settings(
            state=tmp_path / "state",
            buses={"can0": BusSettings(CHANNEL, "virtual")},
            gnss=GnssSettings(port=port.name),
            privacy=PrivacySettings(switch=switch),
            uplink=UplinkSettings(brokers=(f"127.0.0.1:{mosquitto.port}",)),
        )

        def uploads() -> list[Upload]:
            return [decode_upload(payload, plan.manifest) for _, payload in sorted(bridge.held.items())]

        with talking(port), running(settings, plan):
            assert eventually(lambda: any(positions(plan, upload) for upload in uploads()))
            switch.write_text("Geolocation")
            assert eventually(lambda: sum(upload.privacy is Privacy.GEOLOCATION for upload in uploads()) > 4)
            switch.write_text("Full")
            assert eventually(lambda: any(upload.privacy is Privacy.FULL for upload in uploads()))
        found = uploads()
    changed = next(index for index, upload in enumerate(found) if upload.privacy is not Privacy.NONE)
    assert changed > 0
    assert not any(positions(plan, upload) for upload in found[changed:])
    assert [upload.privacy for upload in found[-1:]] == [Privacy.FULL]
    assert (found[-1].grids, found[-1].changes) == ((), ())
    assert "5557.5556" not in caplog.text
    assert "55.95" not in caplog.text
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert b"5557.5556" not in kept


@needs_disks
def test_what_privacy_could_not_delete_is_deleted_while_the_box_runs(tmp_path: Path) -> None:
    plan = world.plan(tmp_path, PROFILE)
    with mounted(made(tmp_path / "disk", 64 << 20), tmp_path / "mnt") as folder:
        settings = Settings(state=folder, uplink=UplinkSettings(brokers=(f"127.0.0.1:{free_port()}",)))
        with lifting(VIN, settings, plan.manifest, live=True) as lift:
            box = Box(VIN, settings, plan, Losses(), monotonic_ms)
            enforcing = box.enforcing(Sampler(plan, 0), lift)
            lift.journal.append(Key(bytes(16), 0), b"where it was", Priority.EVENT)
            remounted(folder, "ro")
            box.obey("1", Privacy.FULL, 0, 1 << 60)
            enforcing.advance(0)
            assert lift.journal.depth == 0
            assert segment_files(lift.journal.path)
            remounted(folder, "rw")
            enforcing.advance(60_000)
            assert segment_files(lift.journal.path) == []


def test_a_budget_that_is_used_up_is_no_dead_link_and_resets_no_modem(tmp_path: Path) -> None:
    used = tmp_path / "state" / VIN / BUDGET
    used.parent.mkdir(parents=True)
    used.write_text('{"day_used": 1000}')
    with responder.Modem(tmp_path / "modem") as there:
        settings = Settings(
            state=tmp_path / "state",
            buses={"can0": BusSettings(interface="virtual", channel=CHANNEL)},
            modem=ModemSettings(port=str(there.link), every=Duration(100), reset_after=Duration(2000)),
            uplink=UplinkSettings(brokers=(f"127.0.0.1:{free_port()}",), budget=Budget(day_bytes=1000)),
        )
        with running(settings, world.plan(tmp_path, PROFILE)):
            assert eventually(lambda: there.heard.count("AT+CREG?") > 30)
        assert not any(command.startswith(("AT+CFUN", "AT+COPS=2")) for command in there.heard)


def test_when_the_vehicle_sleeps_the_box_says_so_and_goes_to_sleep(mosquitto: Mosquitto, tmp_path: Path) -> None:
    plan = quick(world.plan(tmp_path, PROFILE), silence_ms=1000)
    off = tmp_path / "off"
    command = (sys.executable, "-c", f"import pathlib; pathlib.Path({str(off)!r}).touch()")
    with Bridge(mosquitto.port, number_of) as bridge:
        settings = Settings(
            state=tmp_path / "state",
            buses={"can0": BusSettings(CHANNEL, "virtual")},
            power=PowerSettings(run_on=Duration(1000), command=command),
            uplink=UplinkSettings(brokers=(f"127.0.0.1:{mosquitto.port}",)),
        )
        with talking() as hushed, running(settings, plan):
            assert eventually(lambda: len(bridge.held) > 2)
            assert not off.exists()
            hushed.set()
            assert eventually(off.exists)
            assert eventually(lambda: read_header(max(bridge.held.items())[1]).reason is Reason.SLEEP)


def test_a_command_is_obeyed_once_and_without_a_clock_only_if_it_is_stricter(tmp_path: Path) -> None:
    plan = world.plan(tmp_path, PROFILE)
    box = Box(VIN, Settings(state=tmp_path / "state"), plan, Losses(), monotonic_ms)
    assert box.obey("a", Privacy.FULL, 0, 1 << 40) is Outcome.DONE
    assert box.obey("a", Privacy.FULL, 0, 1 << 40) is Outcome.REPEATED
    assert box.obey("b", Privacy.NONE, 0, 1 << 40) is Outcome.TIMELESS
    assert Box(VIN, Settings(state=tmp_path / "state"), plan, Losses(), monotonic_ms).guard.state is Privacy.FULL


def test_the_box_says_how_its_parts_are_and_never_where(tmp_path: Path) -> None:
    plan = world.plan(tmp_path, PROFILE)
    supply = tmp_path / "in_voltage0_raw"
    supply.write_text("1000")
    with Port() as port, responder.Modem(tmp_path / "modem") as there:
        settings = Settings(
            state=tmp_path / "state",
            gnss=GnssSettings(port=port.name),
            modem=ModemSettings(port=str(there.link)),
            power=PowerSettings(supply_file=supply, supply_scale=0.0126),
        )
        box = Box(VIN, settings, plan, Losses(), monotonic_ms)
        box.sources[0].read(0)
        port.says(rmc("050001", TODAY), gga("050001"))
        assert eventually(lambda: bool(box.sources[0].read(0.2)))
        assert eventually(lambda: bool(box.sources[1].read(0.2)))
        assert eventually(lambda: bool(box.sources[2].read(0.2)))
        gnss, modem, power = gnss_health(box.gnss, monotonic_ms()), modem_health(box.modem), power_health(box)
        for source in box.sources:
            source.close()
    assert gnss is not None
    assert (gnss.open, gnss.fix, gnss.satellites, gnss.fixes) == (True, "3D", 9, 1)
    assert "55.9" not in repr(gnss)
    assert modem is not None
    assert (modem.answering, modem.registration, modem.operator, modem.technology, modem.signal_dbm) == (
        True, "Home", "20801", "LTE", -81,
    )  # fmt: skip
    assert (modem.sim, modem.unanswered, modem.recovered) == ("READY", 0, 0)
    assert power.supply_v == pytest.approx(12.6)
    assert box.guard.state is Privacy.NONE
