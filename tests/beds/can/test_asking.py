"""Asking on real SocketCAN: own sockets beside those that the agent reads from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import can
import pytest

from agent.asking.address import Address
from agent.asking.asker import AWAKE_MS
from agent.asking.lines.kernel import kernel_has_isotp
from agent.asking.lines.library import LibraryLine
from agent.asking.lines.sockets import SocketWire
from agent.settings.asking import AskingSettings
from contract.configuration import Duration
from contract.profile.asking import Ask
from tests.agent.asking.car import Bench, Car, until
from tests.agent.asking.ecu import VIN
from tests.agent.asking.polling import polled_run
from tests.beds.uml import INSIDE
from tests.conftest import Mosquitto

REQUESTS = (0x7DF, 0x7E0, 0x18DB33F1, 0x18DA10F1)
ENGINE = Ask(0x7E0, 0x7E8, pids={"0C": Duration(200), "0D": Duration(200)})


@pytest.fixture
def car() -> Iterator[Car]:
    with Car("socketcan", "vcan1") as car:
        yield car


def test_the_kernel_is_used_where_it_can_do_it_and_the_library_elsewhere(car: Car) -> None:
    bench = Bench(car, ENGINE)
    bench.step()
    line = type(bench.asker.line).__name__
    bench.asker.close()
    assert kernel_has_isotp() is (os.environ[INSIDE] == "qemu")
    assert line == ("KernelLine" if kernel_has_isotp() else "LibraryLine")


@pytest.mark.parametrize(
    ("request_id", "answer_id"),
    [(0x7E0, 0x7E8), (0x7DF, 0x7E8), (0x18DA10F1, 0x18DAF110), (0x18DB33F1, 0x18DAF110)],
)
def test_an_answer_of_several_frames_is_read(car: Car, request_id: int, answer_id: int) -> None:
    ecu = car.ecu(0x18DA10F1, 0x18DAF110, 0x18DB33F1) if answer_id > 0x7FF else car.ecu()
    car.wake()
    bench = Bench(car, Ask(request_id, answer_id, vin="obd"))
    assert until(lambda: bench.asking.identity.read == VIN, bench.step)
    bench.asker.close()
    assert ecu.flow_controls == 1


def test_nothing_is_sent_on_a_bus_that_sleeps_or_falls_asleep(car: Car) -> None:
    car.ecu()
    bench = Bench(car, ENGINE)
    bench.steps(2)
    assert car.sent_on(REQUESTS) == []
    car.wake()
    assert until(lambda: bench.counts.answered > 2, bench.step)
    car.sleep()
    assert until(lambda: not bench.asker.awake, lambda: bench.step(AWAKE_MS // 3))
    asked = bench.counts.asked
    bench.step(60_000)
    bench.step()
    bench.asker.close()
    assert bench.counts.asked == asked == len([data for data in car.sent_on(REQUESTS) if data[0] < 8])


def test_neither_our_questions_nor_their_answers_are_somebody_else(car: Car) -> None:
    car.ecu()
    address = Address(0x7E0, 0x7E8)
    line = LibraryLine(SocketWire(car.channel, {(0x7E0, False), (0x7E8, False)}), [address])
    line.ask(address, bytes.fromhex("0902"))
    answers = until(lambda: bool(line.answers(0.5)), lambda: None)
    assert (answers, line.others_spoke(), line.tester_spoke()) == (True, False, False)
    with can.Bus(car.channel, "socketcan") as other:
        other.send(can.Message(arbitration_id=0x7E0, is_extended_id=True, data=b"\0"))
        assert until(line.others_spoke, lambda: None)
        other.send(can.Message(arbitration_id=0x7E0, is_extended_id=False, data=b"\x01\x03"))
        assert until(line.tester_spoke, lambda: line.answers(0.1))
    line.close()


def test_another_tester_is_given_way(car: Car) -> None:
    car.ecu()
    car.wake()
    bench = Bench(car, ENGINE)
    assert until(lambda: bench.counts.answered > 0, bench.step)
    car.bus().send(can.Message(arbitration_id=0x7E0, data=bytes.fromhex("02090200"), is_extended_id=False))
    assert until(lambda: bench.asker.gave_way == 1, bench.step)
    asked = bench.counts.asked
    bench.steps(20)
    bench.asker.close()
    assert bench.counts.asked == asked


@pytest.mark.parametrize("fault", ["silent", "never_ends", "skips_a_frame"])
def test_an_answer_that_does_not_come_whole_is_given_up(car: Car, fault: str) -> None:
    ecu = car.ecu()
    ecu.identifiers[0xD400] = bytes(100)
    setattr(ecu, fault, True)
    car.wake()
    bench = Bench(car, Ask(0x7E0, 0x7E8, dids={"D400": Duration(200)}))
    assert until(lambda: bench.counts.unanswered == 1, lambda: bench.step(200))
    setattr(ecu, fault, False)
    assert until(lambda: bench.counts.answered >= 1, lambda: bench.step(100))
    bench.asker.close()


def test_an_interface_that_is_not_there_is_tried_again(car: Car) -> None:
    absent = Car("socketcan", "vcan9")
    bench = Bench(absent, ENGINE, AskingSettings(enabled=True, silent_bus=True))
    bench.steps(3)
    assert bench.counts.asked == 0
    assert car.sent_on(REQUESTS) == []


def test_a_live_run_polls_and_its_uploads_arrive(mosquitto: Mosquitto, car: Car, tmp_path: Path) -> None:
    polled_run(car, tmp_path, mosquitto.port)
