"""A live run that is told what to watch: on a bus of python-can and a real broker, in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import can
import cantools
import pytest
from msgspec.structs import replace

from agent.live.run import run
from agent.plan.compiling import compile_plan
from agent.plan.compiling_events import event_names, without_events
from agent.settings.agent import Settings
from agent.settings.bus import BusSettings
from agent.settings.commands import CommandsSettings
from agent.settings.uplink import UplinkSettings
from contract import topics
from contract.configuration import Duration
from contract.upload import Event, Upload, decode_upload
from contract.watching import WatchReport, decode_report
from contract.wire import digest
from tests.agent.bridge import Listening, eventually
from tests.agent.watching.lists import FAST, LOCKS, VIN, document, signed
from tests.conftest import ROOT, Mosquitto

CHANNEL = "canlift-watching"
PLAN = compile_plan(ROOT / "config" / "vehicles" / "demo-car.toml", cadence_ms=3_600_000)
PLAN = replace(without_events(PLAN, event_names(PLAN)), first_ms=500)
DATABASE = cantools.database.can.Database()
DATABASE.add_dbc_file(ROOT / "dbc" / "demo_car.dbc")
OUR_KEY = "iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w="
"""The public key of `lists.OURS`, as agent.toml has it."""


class Car:
    """A bus on which a car says that it is awake, and how fast it is."""

    def __init__(self) -> None:
        self.kmh = 40.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._talk)

    def __enter__(self) -> Car:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _talk(self) -> None:
        with can.Bus(CHANNEL, "virtual") as bus:
            while not self._stop.wait(0.02):
                for name, values in (
                    ("VehicleState", {"NetworkState": "Awake"}),
                    ("Motion", {"VehicleSpeed": self.kmh}),
                ):
                    message = DATABASE.get_message_by_name(name)
                    zeros = {signal.name: signal.minimum or 0 for signal in message.signals}
                    data = message.encode({**zeros, **values}, strict=False)
                    bus.send(can.Message(arbitration_id=message.frame_id, data=data, is_extended_id=False))


class Cloud(Listening):
    """Says what to watch and hears what is watched."""

    def __init__(self, port: int) -> None:
        self.reports: list[WatchReport] = []
        super().__init__(port, VIN, topics.WATCH_REPORT, lambda payload: self.reports.append(decode_report(payload)))

    def ask(self, payload: bytes) -> None:
        self.publish(topics.WATCH, payload, retain=True)

    def watched(self) -> list[Upload]:
        """The uploads that were made for something watched, in order."""
        uploads = [decode_upload(payload, PLAN.manifest) for _, payload in sorted(self.held.items())]
        return [upload for upload in uploads if [event.name for event in upload.events] == ["watch"]]


@contextmanager
def running(state: Path, port: int, *, watch: bool = True) -> Iterator[Callable[[], int]]:
    """Gives how many frames were read so far."""
    settings = Settings(
        state=state,
        buses={"can0": BusSettings(CHANNEL, "virtual")},
        uplink=UplinkSettings(brokers=(f"127.0.0.1:{port}",), receipt_timeout=Duration(500)),
        commands=CommandsSettings(watch=watch, keys=(OUR_KEY,)),
    )
    assert list(settings.commands.contradictions()) == []
    stop = threading.Event()
    frames = [0]
    live = threading.Thread(
        target=lambda: run(VIN, settings, PLAN, stop, lambda so_far: frames.append(so_far.frames), drain_s=0.2)
    )
    live.start()
    try:
        yield lambda: frames[-1]
    finally:
        stop.set()
        live.join(60)


def heard(frames: Callable[[], int]) -> bool:
    """Waits until the car was heard saying for some time what it says now."""
    from_here = frames()
    return eventually(lambda: frames() > from_here + 40)


def _said(upload: Upload, number: int) -> int | None:
    return next(change.raw for change in upload.changes if change.signal == number)


def test_what_is_asked_for_while_it_runs_is_told_at_once_and_ends_with_an_empty_list(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    speed = next(number for number, signal in enumerate(PLAN.signals) if signal.name == "Motion.VehicleSpeed")
    with Cloud(mosquitto.port) as cloud, Car() as car, running(tmp_path, mosquitto.port) as frames:
        assert eventually(lambda: cloud.reports == [WatchReport()])
        body = document(1, FAST, LOCKS)
        cloud.ask(signed(body))
        assert eventually(lambda: cloud.reports[-1] == WatchReport(1, digest(body)))
        assert heard(frames)
        assert eventually(lambda: bool(cloud.held))  # The first after waking.
        assert cloud.watched() == []
        car.kmh = 60
        assert eventually(lambda: len(cloud.watched()) == 1)
        (upload,) = cloud.watched()
        assert upload.events == (Event(upload.end_ms - 1, "watch"),)
        assert PLAN.signals[speed].read(_said(upload, speed) or 0) == pytest.approx(60)
        ended = document(2)
        cloud.ask(signed(ended))
        assert eventually(lambda: cloud.reports[-1] == WatchReport(2, digest(ended)))
        car.kmh = 40
        assert heard(frames)
        car.kmh = 60
        assert heard(frames)
        assert len(cloud.watched()) == 1


def test_it_goes_on_watching_after_a_start_without_a_network(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with Cloud(mosquitto.port) as cloud, running(tmp_path, mosquitto.port):
        cloud.ask(signed(document(1, FAST)))
        assert eventually(lambda: bool(cloud.reports) and cloud.reports[-1].number == 1)
    port = mosquitto.port
    mosquitto.kill()
    with Car() as car, running(tmp_path, port) as frames:
        assert heard(frames)
        car.kmh = 60
        assert heard(frames)
    mosquitto.start()
    with Cloud(port) as cloud, running(tmp_path, port):
        assert eventually(lambda: len(cloud.watched()) == 1)


def test_a_vehicle_that_may_not_be_asked_listens_to_nothing_and_reports_nothing(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    with Cloud(mosquitto.port) as cloud, Car() as car, running(tmp_path, mosquitto.port, watch=False) as frames:
        cloud.ask(signed(document(1, FAST)))
        assert eventually(lambda: bool(cloud.held))
        car.kmh = 60
        assert heard(frames)
        assert (cloud.watched(), cloud.reports) == ([], [])
        assert not (tmp_path / VIN / "watch").exists()
