"""The asker on a virtual bus, against simulated computers and with a witness of every frame."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import can
import msgspec
import pytest

from agent.asking.address import Address
from agent.asking.asker import AWAKE_MS, Asker
from agent.asking.conversation import ANSWER_MS
from agent.asking.failures import WrongVehicleError
from agent.asking.identity import Identity
from agent.asking.lines.library import LibraryLine
from agent.asking.lines.line import Line
from agent.asking.lines.tap import TapWire
from agent.asking.permission import asking_of
from agent.asking.share import Share, frame_bits
from agent.asking.trouble_codes import Diagnosis
from agent.bus.losses import Losses
from agent.cli import main as canlift_agent
from agent.cli.ending import OTHER_VEHICLE
from agent.devices.messages import decoder
from agent.journal.inventory import journals_in, take_inventory
from agent.live.run import run
from agent.plan.compiling import compile_plan
from agent.settings.agent import Settings
from agent.settings.asking import AskingSettings
from agent.settings.bus import BusSettings
from agent.settings.uplink import UplinkSettings
from contract.configuration import Duration
from contract.profile.asking import Ask
from contract.profile.buses import Bus
from contract.profile.profile import Profile
from tests.agent.asking.car import Bench, Car, until
from tests.agent.asking.ecu import VIN
from tests.agent.asking.polling import polled_run
from tests.agent.plan.test_answers import PROFILE, plan
from tests.conftest import Mosquitto, free_port

REQUESTS = (0x7DF, 0x7E0, 0x18DB33F1, 0x18DA10F1)


@pytest.fixture
def car() -> Iterator[Car]:
    with Car() as car:
        yield car


ENGINE = Ask(0x7E0, 0x7E8, pids={"0C": Duration(100), "0D": Duration(100)})
LONG = Ask(0x7E0, 0x7E8, dids={"D400": Duration(100)})


def test_what_the_profile_asks_is_asked_and_answered(car: Car) -> None:
    ecu = car.ecu()
    car.wake()
    bench = Bench(car, ENGINE)
    assert until(lambda: bench.counts.answered >= 3, bench.step)
    assert [question.hex() for question in ecu.questions[:2]] == ["0100", "010c0d"]
    assert car.sent_on(REQUESTS)[0] == bytes.fromhex("0201005555555555")


def test_nothing_is_sent_before_somebody_else_speaks(car: Car) -> None:
    car.ecu()
    bench = Bench(car, ENGINE)
    bench.asker.read(0.02)
    assert not bench.asker.awake
    assert car.sent_on(REQUESTS) == []
    car.wake()
    assert until(lambda: bench.counts.answered > 0, bench.step)


def test_nothing_is_sent_when_the_others_have_fallen_silent_although_computers_still_answer(car: Car) -> None:
    car.ecu()
    car.wake()
    bench = Bench(car, ENGINE)
    assert until(lambda: bench.counts.answered > 2, bench.step)
    car.sleep()
    # What the others said last is heard with the next reading, however late that is.
    until(lambda: not bench.asker.awake, lambda: bench.step(AWAKE_MS // 3))
    assert not bench.asker.awake
    asked, sent = bench.counts.asked, len(car.sent_on(REQUESTS))
    for _ in range(2):
        bench.step(60_000)
    assert (bench.counts.asked, len(car.sent_on(REQUESTS))) == (asked, sent)


def test_a_silent_bus_is_asked_where_the_settings_allow_it(car: Car) -> None:
    car.ecu()
    bench = Bench(car, ENGINE, AskingSettings(enabled=True, silent_bus=True))
    # The adapter opens with its first reading.
    assert until(lambda: bench.counts.answered > 0, lambda: bench.step(500))


def test_without_leave_there_is_no_asker_and_nothing_for_it_is_loaded(car: Car) -> None:
    profile = Profile("car", "Car", "Test", "Thermic", {"can0": Bus(())}, ask={"engine": ENGINE})
    settings = Settings(buses={"can0": BusSettings(car.channel, "virtual")})
    assert asking_of(VIN, profile, settings, [car.interface()], Losses(), lambda: 0) is None
    allowed = msgspec.structs.replace(settings, asking=AskingSettings(enabled=True))
    assert asking_of(VIN, profile, allowed, [car.interface()], Losses(), lambda: 0) is not None
    asks_nothing = msgspec.structs.replace(profile, ask={})
    assert asking_of(VIN, asks_nothing, allowed, [car.interface()], Losses(), lambda: 0) is None
    lines = ("agent.asking.asker", "agent.asking.conversation", "agent.asking.lines.sockets", "isotp")
    loaded = f"import sys, agent.live.run; print([name for name in {lines} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_number_of_the_vehicle_is_read_in_several_frames_and_found_right(car: Car) -> None:
    ecu = car.ecu()
    car.wake()
    bench = Bench(car, Ask(0x7E0, 0x7E8, vin="obd"))
    assert until(lambda: bench.asking.identity.read is not None, bench.step)
    assert bench.asking.identity.read == VIN
    assert ecu.flow_controls == 1
    assert bytes.fromhex("3000015555555555") in car.sent_on([0x7E0])
    bench.asking.tick()
    health = bench.asking.health()
    assert (health.vin_matches, health.unanswered) == (True, 0)


@pytest.mark.parametrize(("protocol", "vin_check"), [("obd", "warn"), ("uds", "stop")])
def test_another_vehicle_is_said_loudly_and_ends_the_run_if_so_set(
    car: Car, caplog: pytest.LogCaptureFixture, protocol: str, vin_check: str
) -> None:
    car.ecu()
    car.wake()
    settings = AskingSettings(enabled=True, vin_check="stop" if vin_check == "stop" else "warn")
    bench = Bench(car, Ask(0x7E0, 0x7E8, vin="uds" if protocol == "uds" else "obd"), settings, vin="VR3CANL1FT0000002")
    assert until(lambda: bench.asking.identity.mismatches == 1, bench.step)
    assert "WRONG VEHICLE: this is VR3CANL1FT0000001, the settings say VR3CANL1FT0000002" in caplog.text
    health = bench.asking.health()
    assert health.vin_matches is False
    if vin_check == "warn":
        bench.asking.tick()
    else:
        with pytest.raises(WrongVehicleError, match="VR3CANL1FT0000001"):
            bench.asking.tick()


def test_what_is_no_number_is_no_other_vehicle(car: Car) -> None:
    car.ecu().vin = "                 "
    car.wake()
    bench = Bench(car, Ask(0x7E0, 0x7E8, vin="obd"), AskingSettings(enabled=True, vin_check="stop"))
    assert until(lambda: bench.asking.identity.unreadable > 0, bench.step)
    bench.asking.tick()
    assert bench.asking.identity.read is None


def test_trouble_codes_come_as_a_device_message_and_as_people_write_them(car: Car) -> None:
    car.ecu()
    car.wake()
    bench = Bench(car, Ask(0x7E0, 0x7E8, faults="obd"))
    assert until(lambda: len(bench.frames) >= 3, bench.step)
    raws = decoder("Diagnosis", ["Stored", "Pending", "Permanent", "Code1", "Code2", "Code3", "Code4"])
    assert raws(bench.frames[-1].data) == (2, 1, 0, 0x013300, 0xC10000, 0x042000, None)
    health = bench.asking.health()
    assert health.codes == ("P0133", "U0100", "P0420")


@pytest.mark.parametrize(
    ("request_id", "answer_id", "flow_control"),
    [(0x7DF, 0x7E8, 0x7E0), (0x18DA10F1, 0x18DAF110, 0x18DA10F1), (0x18DB33F1, 0x18DAF110, 0x18DA10F1)],
)
def test_computers_are_asked_on_other_addresses(car: Car, request_id: int, answer_id: int, flow_control: int) -> None:
    if answer_id > 0x7FF:
        car.ecu(0x18DA10F1, 0x18DAF110, 0x18DB33F1)
    else:
        car.ecu()
    car.wake()
    bench = Bench(car, Ask(request_id, answer_id, vin="obd"))
    assert until(lambda: bench.asking.identity.read == VIN, bench.step)
    assert [each[:3].hex() for each in car.sent_on([request_id])[:1]] == ["020902"]
    assert bytes.fromhex("3000015555555555") in car.sent_on([flow_control])


def test_another_tester_is_given_way(car: Car) -> None:
    car.ecu()
    car.wake()
    bench = Bench(car, ENGINE)
    assert until(lambda: bench.counts.answered > 0, bench.step)
    tester = car.bus()
    tester.send(can.Message(arbitration_id=0x7E0, data=bytes.fromhex("0209020000000000"), is_extended_id=False))
    assert until(lambda: bench.asker.gave_way == 1, bench.step)
    asked = bench.counts.asked
    bench.steps(20)
    assert bench.counts.asked == asked


def test_another_testers_answer_gets_no_flow_control_from_us(car: Car) -> None:
    ecu = car.ecu()
    car.wake()
    bench = Bench(car, Ask(0x7E0, 0x7E8, pids={"0D": Duration(60_000)}))
    assert until(lambda: bench.counts.answered == 2, bench.step)
    tester = car.bus()
    tester.send(can.Message(arbitration_id=0x7E0, data=bytes.fromhex("0209020000000000"), is_extended_id=False))
    assert until(lambda: bench.asker.gave_way == 1 and len(ecu.questions) == 3, bench.step)
    bench.steps(20)
    assert ecu.flow_controls == 0


@pytest.mark.parametrize("fault", ["silent", "never_ends", "skips_a_frame"])
def test_an_answer_that_does_not_come_whole_is_counted_and_asking_goes_on(car: Car, fault: str) -> None:
    ecu = car.ecu()
    ecu.identifiers[0xD400] = bytes(100)
    setattr(ecu, fault, True)
    car.wake()
    bench = Bench(car, LONG)
    assert until(lambda: bench.counts.asked == 1, bench.step)
    bench.steps(10)
    bench.step(ANSWER_MS)
    assert until(lambda: bench.counts.unanswered == 1, bench.step)
    assert bench.losses.unanswered == 1
    setattr(ecu, fault, False)
    assert until(lambda: bench.counts.answered >= 1, lambda: bench.step(100))


def test_no_more_of_the_bus_is_taken_than_the_share(car: Car) -> None:
    ecu = car.ecu()
    ecu.identifiers[0xD400] = bytes(60)
    car.wake()
    bench = Bench(car, LONG, AskingSettings(enabled=True, share=0.02))
    assert until(lambda: bench.counts.answered == 1, bench.step)
    began_s, before = time.monotonic(), len(car.frames)
    assert until(lambda: time.monotonic() - began_s > 2 and bench.counts.answered > 3, bench.step)
    bits = (len(car.frames) - before) * frame_bits(False)
    rate = 0.02 * 500_000
    exchange = 12 * frame_bits(False)
    assert bits <= rate * (time.monotonic() - began_s) + rate + exchange


def test_a_bus_that_fails_is_tried_again(car: Car) -> None:
    car.ecu()
    car.wake()
    interface, tries, added_ms = car.interface(), count(), count(0, 50)

    def open_line() -> Line:
        if next(tries) == 0:
            raise OSError(errno.ENETDOWN, "the network is down")
        return LibraryLine(TapWire(interface, {(0x7E0, False), (0x7E8, False)}), [Address(0x7E0, 0x7E8)])

    def clock() -> int:
        # Time runs ahead a little with each look, so that nobody waits long for the second try.
        return time.monotonic_ns() // 1_000_000 + next(added_ms)

    asker = Asker(
        *("can0", {"engine": ENGINE}, open_line, Share(500_000, 0.01), Identity(VIN), Diagnosis(), Losses(), clock)
    )
    assert asker.read(0.02) == []
    assert until(lambda: asker.conversations["engine"].counts.answered > 0, lambda: asker.read(0.02))


def test_polled_answers_become_uploads_of_a_live_run(mosquitto: Mosquitto, car: Car, tmp_path: Path) -> None:
    polled_run(car, tmp_path, mosquitto.port)


def test_a_service_that_finds_another_vehicle_ends_with_a_status_of_its_own(car: Car, tmp_path: Path) -> None:
    car.ecu()
    car.wake()
    plan(tmp_path, PROFILE.replace("request = 0x7E0", 'vin = "obd"\nrequest = 0x7E0'))
    (tmp_path / "agent.toml").write_text(
        f'''vin = "VR3CANL1FT0000002"\nprofile = "car.toml"\nstate = "state"
        [buses.can0]\nchannel = "{car.channel}"\ninterface = "virtual"
        [asking]\nenabled = true\nvin_check = "stop"
        [uplink]\nbrokers = ["127.0.0.1:{free_port()}"]\n'''
    )
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.getsignal(number) for number in numbers]
    try:
        assert canlift_agent(["run", "--config", str(tmp_path / "agent.toml")]) == OTHER_VEHICLE
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)


def test_a_run_ends_on_another_vehicle_if_so_set_and_keeps_what_it_has(car: Car, tmp_path: Path) -> None:
    car.ecu()
    car.wake()
    plan(tmp_path, PROFILE.replace("request = 0x7E0", 'vin = "obd"\nrequest = 0x7E0'))
    settings = Settings(
        state=tmp_path / "state",
        buses={"can0": BusSettings(car.channel, "virtual")},
        asking=AskingSettings(enabled=True, vin_check="stop"),
        uplink=UplinkSettings(brokers=(f"127.0.0.1:{free_port()}",)),
    )
    with pytest.raises(WrongVehicleError, match="the vehicle is VR3CANL1FT0000001"):
        run("VR3CANL1FT0000002", settings, compile_plan(tmp_path / "car.toml"), threading.Event())
    (journal,) = journals_in(tmp_path / "state")
    # More where the machine takes its time: then an interval has passed too.
    assert take_inventory(journal).uploads >= 1
