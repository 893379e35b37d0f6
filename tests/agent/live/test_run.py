"""A live run, on a bus of python-can and a real broker, in this process."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import can
import pytest
from msgspec.structs import replace

from agent.bus.interface import InterfaceError
from agent.health.asking import NoAnswerError, ask
from agent.journal.inventory import journals_in, take_inventory
from agent.lifting import Progress
from agent.live.run import run
from agent.plan.compiling import compile_plan
from agent.settings.agent import Settings
from agent.settings.bus import BusSettings
from agent.settings.health import HealthSettings
from agent.settings.uplink import UplinkSettings
from contract.configuration import Duration
from contract.upload import Count, Reason, decode_upload
from tests.agent.bridge import Bridge, eventually, number_of
from tests.conftest import ROOT, Mosquitto, free_port

VIN = "VR3CANL1FT0000001"
PROFILE = ROOT / "config" / "vehicles" / "demo-car.toml"
CHANNEL = "canlift-run"


def settings(state: Path, port: int, interface: str = "virtual") -> Settings:
    return Settings(
        state=state,
        buses={"can0": BusSettings(CHANNEL, interface)},
        uplink=UplinkSettings(brokers=(f"127.0.0.1:{port}",), receipt_timeout=Duration(500)),
    )


class Talker:
    """A bus with somebody on it."""

    def __init__(self) -> None:
        self.sent = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> Talker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hush()

    def hush(self) -> None:
        self._stop.set()
        self._thread.join()

    def _send(self) -> None:
        with can.Bus(CHANNEL, "virtual") as bus:
            while not self._stop.wait(0.005):
                bus.send(can.Message(arbitration_id=0x100, data=bytes(8), is_extended_id=False))
                self.sent += 1


def test_what_is_on_the_bus_arrives_and_stopping_drains(mosquitto: Mosquitto, tmp_path: Path) -> None:
    plan = compile_plan(PROFILE, cadence_ms=500)
    stop = threading.Event()
    ended: list[Progress] = []
    latest: list[Progress] = []

    def live() -> None:
        ended.append(run(VIN, settings(tmp_path, mosquitto.port), plan, stop, latest.append, drain_s=60))

    with Bridge(mosquitto.port, number_of) as bridge:
        running = threading.Thread(target=live)
        with Talker() as talker:
            running.start()
            assert eventually(lambda: len(bridge.held) >= 3 and talker.sent > 200 and latest[-1].frames > 100)
        stop.set()
        running.join(60)
        uploads = [decode_upload(payload, plan.manifest) for _, payload in sorted(bridge.held.items())]
    assert ended[0].depth == 0
    assert [upload.sequence for upload in uploads] == list(range(ended[0].uploads))
    assert sum(upload.ledger.counts.get(Count.FRAMES, 0) for upload in uploads) == ended[0].frames > 100
    assert ended[0].frames <= talker.sent
    assert uploads[-1].reason is Reason.CADENCE
    assert latest[-1].frames > 0


def test_without_a_broker_stopping_keeps_what_was_collected(tmp_path: Path) -> None:
    plan = compile_plan(PROFILE, cadence_ms=500)
    stop = threading.Event()

    def stop_after_some(progress: Progress) -> None:
        if progress.uploads > 1:
            stop.set()

    with Talker():
        ended = run(VIN, settings(tmp_path, free_port()), plan, stop, stop_after_some, drain_s=0.2)
    assert ended.uploads > 1
    (journal,) = journals_in(tmp_path)
    assert take_inventory(journal).uploads == ended.uploads


def state(socket: Path) -> str | None:
    """What the vehicle is doing; None while the agent does not answer yet."""
    with suppress(NoAnswerError):
        return ask(socket).state
    return None


def test_a_live_run_says_what_the_vehicle_is_doing_and_how_each_part_is(tmp_path: Path) -> None:
    socket = tmp_path / "status.sock"
    asked = replace(settings(tmp_path, free_port()), health=HealthSettings(status_socket=socket))
    stop = threading.Event()
    running = threading.Thread(target=run, args=(VIN, asked, compile_plan(PROFILE), stop), kwargs={"drain_s": 0})
    with Talker():
        running.start()
        try:
            assert eventually(lambda: state(socket) == "parked")
            health = ask(socket)
        finally:
            stop.set()
            running.join(60)
    unsaid = [name for name in health.__struct_fields__ if getattr(health, name) is None]
    # The settings have no receiver, no modem and no remote control, and the profile asks nothing.
    assert unsaid == ["gnss", "modem", "asking", "watching", "remote"]
    assert health.buses["can0"].open


def test_an_interface_that_does_not_exist_ends_the_run(tmp_path: Path) -> None:
    wrong = settings(tmp_path, free_port(), interface="telepathy")
    with pytest.raises(InterfaceError, match="telepathy"):
        run(VIN, wrong, compile_plan(PROFILE), threading.Event())


class _FailureError(Exception):
    pass


def test_what_came_before_a_failure_is_kept(tmp_path: Path) -> None:
    def fail(progress: Progress) -> None:
        if progress.frames > 50:
            raise _FailureError

    with Talker(), pytest.raises(_FailureError):
        run(VIN, settings(tmp_path, free_port()), compile_plan(PROFILE, cadence_ms=3_600_000), threading.Event(), fail)
    (journal,) = journals_in(tmp_path)
    assert take_inventory(journal).uploads == 1
