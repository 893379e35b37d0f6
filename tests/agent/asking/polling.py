"""A live run that polls a car, up to the uploads that a bridge holds."""

from __future__ import annotations

import threading
from pathlib import Path

from agent.live.run import run
from agent.plan.compiling import compile_plan
from agent.plan.plan import Plan
from agent.settings.agent import Settings
from agent.settings.asking import AskingSettings
from agent.settings.bus import BusSettings
from agent.settings.uplink import UplinkSettings
from contract.configuration import Duration
from contract.upload import Count, Upload, decode_upload
from tests.agent.asking.car import Car
from tests.agent.asking.ecu import VIN
from tests.agent.bridge import Bridge, eventually, number_of
from tests.agent.plan.test_answers import PROFILE, plan

WANTED = {
    "Engine.Speed": 0x28,
    "Engine.Coolant": 0x7B,
    "Battery.Charge": 0x8000,
    "Battery.Last": 0x5A,
    "Diagnosis.Stored": 2,
}


def polled_run(car: Car, folder: Path, port: int) -> None:
    """Fails unless everything that is asked for arrives. `port` is a broker's."""
    ecu = car.ecu()
    battery = car.ecu(0x6B4, 0x694, 0)
    battery.identifiers[0xD411] = bytes(19) + b"\x5a"
    car.wake()
    profile = PROFILE.replace('D410 = "1min"', 'D410 = "1s", D411 = "1s"').replace("10s", "1s")
    profile = profile.replace("request = 0x7E0", 'vin = "obd"\nfaults = "uds"\nfaults_every = "10s"\nrequest = 0x7E0')
    profile = profile.replace("[messages]", '"Diagnosis.Stored" = { class = "slow" }\n[messages]')
    plan(folder, profile)
    polled = compile_plan(folder / "car.toml", cadence_ms=1000)
    settings = Settings(
        state=folder / "state",
        buses={"can0": BusSettings(car.channel, car.kind)},
        asking=AskingSettings(enabled=True, share=0.05),
        uplink=UplinkSettings(brokers=(f"127.0.0.1:{port}",), receipt_timeout=Duration(500)),
    )
    stop = threading.Event()
    with Bridge(port, number_of) as bridge:
        running = threading.Thread(target=run, args=(VIN, settings, polled, stop))
        running.start()

        def uploads() -> list[Upload]:
            return [decode_upload(payload, polled.manifest) for payload in list(bridge.held.values())]

        arrived = eventually(lambda: WANTED.items() <= _newest(polled, uploads()).items(), 200)
        stop.set()
        running.join(60)
        found = uploads()
    assert arrived, _newest(polled, found)
    assert sum(upload.ledger.counts.get(Count.ASKED, 0) for upload in found) > 5
    assert b"\x19\x02\x0c" in ecu.questions


def _newest(polled: Plan, uploads: list[Upload]) -> dict[str, int]:
    newest: dict[str, int] = {}
    for upload in uploads:
        for grid in upload.grids:
            for signal, column in zip(polled.manifest.groups[grid.group].signals, grid.columns, strict=True):
                for raw in column:
                    newest[signal.name] = newest.get(signal.name, 0) if raw is None else raw
    return newest
