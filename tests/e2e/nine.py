"""The nine published actions, asked of a vehicle one after the other: what its callback is told of each, how many
frames the body controller hears, and how the vehicle is then.

Each is done once; is found to be so already, where it can be; and fails, by the cause that fits.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.remote.now import SILENT_MS
from tests.agent.remote import model
from tests.agent.remote.body import Body
from tests.cloud_bridge.actions.bodies import CHARGING, CONDITIONING, LOCK, PARIS, conditioning
from tests.cloud_bridge.actions.bodies import Body as Document
from tests.e2e.remote import RemoteWorld
from tests.e2e.world import FLEET

ACCEPTED = ["Accepted", "SentToVehicle"]
SUCCESS, ALREADY_DONE = [*ACCEPTED, "Success"], [*ACCEPTED, "AlreadyDone"]
UNLOCK: Document = {"door": {"state": "Unlocked"}}
HOOT, BE_QUIET = ({"horn": {"state": state}} for state in ("Activated", "Unactivated"))
LIGHT, DARKEN = ({"lights": {"on": on}} for on in (True, False))
CONDITION, DO_NOT = conditioning(immediate=True, programs=[CONDITIONING]), conditioning(immediate=False)
CHARGE, STOP_CHARGING = ({"charging": {"immediate": now}} for now in (True, False))
CHARGE_LATER: Document = {"charging": {"schedule": {"nextDelayedTime": "2048-03-05T07:42:00+01:00"}}}
PREFER: Document = {"charging": {"preferences": {"level": "Level3", "type": "Full"}}}
NAVIGATE: Document = {"navigation": {"positions": [PARIS, PARIS]}}
IMMOBILIZE, RELEASE = ({"immobilization": {"activate": on}} for on in (True, False))
STOLEN, FOUND = ({"stolen": {"stolen": stolen}} for stolen in (True, False))
TRACK: Document = {"stolen": {"trackingPeriod": {"running": 30}}}
BLOCK_THIEF, LET_GO = ({"stolen": {"immobilization": {"activate": on}}} for on in (True, False))
MODEL = "asked"


@dataclass(frozen=True)
class Round:
    asked: Document
    story: list[str]
    frames: int = 0
    """That the body controller hears of it."""
    before: Mapping[str, object] = field(default_factory=dict)
    """How the vehicle is first, by the names of `Body`."""
    after: Mapping[str, object] = field(default_factory=dict)


def failed(cause: str, *, sent: bool = True) -> list[str]:
    return [*(ACCEPTED if sent else ()), f"Failed {cause}"]


AWAKE = (
    Round({"wakeUp": {}}, SUCCESS),
    Round(LOCK, failed("DoorsOpen"), before={"door_open": True}, after={"locks": 2}),
    Round(LOCK, SUCCESS, 1, {"door_open": False}, {"locks": 1}),
    Round(LOCK, ALREADY_DONE),
    Round(UNLOCK, SUCCESS, 3, after={"locks": 2}),
    Round(UNLOCK, failed("VehicleIsNotLocked"), before={"locks": 0}, after={"locks": 0}),
    Round(HOOT, failed("VehicleError"), after={"horn": False}),  # Nobody sends what the message is completed from.
    Round(HOOT, SUCCESS, 5, {"sends_horn": True}, {"horn": True}),
    Round(BE_QUIET, SUCCESS, 2, after={"horn": False}),
    Round(BE_QUIET, ALREADY_DONE),
    Round(LIGHT, failed("VehicleError"), 1, {"obeys": False}, {"lights": False}),
    Round(LIGHT, SUCCESS, 1, {"obeys": True}, {"lights": True}),
    Round(LIGHT, ALREADY_DONE),
    Round(DARKEN, SUCCESS, 1, after={"lights": False}),
    Round(CONDITION, failed("VehicleError"), 2, {"refuses": 0x22}, {"heating": False}),
    Round(CONDITION, SUCCESS, 2, {"refuses": None}, {"heating": True}),
    Round(CONDITION, ALREADY_DONE),
    Round(DO_NOT, SUCCESS, 2, after={"heating": False}),
    Round(CHARGE, failed("ExternalChargingSystemError"), 0, {"station_is_faulty": True}, {"charging": False}),
    Round(CHARGE, SUCCESS, 1, {"station_is_faulty": False}, {"charging": True}),
    Round(CHARGE, ALREADY_DONE),
    Round(STOP_CHARGING, SUCCESS, 1, after={"charging": False}),
    Round(
        {"charging": {"schedule": {"programs": [CHARGING]}}}, SUCCESS, 2,
        after={"programs": {2: bytes((1, 22, 0, 6, 30, 0b110_0000))}},
    ),
    Round(CHARGE_LATER, SUCCESS),
    Round(CHARGE_LATER, ALREADY_DONE),
    Round(PREFER, SUCCESS, 2, after={"charging_power": 3, "charges_fully": True}),
    Round(NAVIGATE, failed("VehicleError")[1:], 1, {"silent": True}, {"places": 0}),
    Round(NAVIGATE, SUCCESS[1:], 6, {"silent": False}, {"places": 2}),
    Round(IMMOBILIZE, failed("VehicleInUse"), 0, {"speed_kmh": 7.0}, {"immobilized": False}),
    Round(IMMOBILIZE, SUCCESS, 3, {"speed_kmh": 0.0}, {"immobilized": True}),
    Round(IMMOBILIZE, ALREADY_DONE),
    Round(RELEASE, SUCCESS, 3, after={"immobilized": False}),
    Round(BLOCK_THIEF, failed("NotPossibleDueToVehicleStolenState", sent=False), after={"immobilized": False}),
    Round(STOLEN, ["Accepted", "Success"]),
    Round(STOLEN, ["Accepted", "AlreadyDone"]),
    Round(LOCK, failed("NotPossibleDueToVehicleStolenState", sent=False)),
    Round(TRACK, SUCCESS),
    Round(TRACK, ALREADY_DONE),
    Round(BLOCK_THIEF, SUCCESS, 3, after={"immobilized": True}),
    Round(BLOCK_THIEF, ALREADY_DONE),
    Round(FOUND, SUCCESS),
    Round(FOUND, ["Accepted", "AlreadyDone"]),
    Round(LET_GO, SUCCESS, 3, after={"immobilized": False}),
)  # fmt: skip
"""Of a vehicle that speaks, and then may be low on charge."""
DRAINED = Round(LIGHT, ["VehicleBatteryChargeTooLow", "Failed NotPossibleDueToVehicleBatteryLevel"])
ASLEEP = (
    Round({"wakeUp": {}}, failed("VehicleError"), 2, after={"speaks": False}),
    Round({"wakeUp": {}}, SUCCESS, 2, {"wakes_by": 0x400}, {"speaks": True}),
)
"""Of one that has been silent for some time."""


def write_model(profile: str, folder: Path) -> str:
    """A profile of `tests.agent.remote.model`, of a vehicle that uploads often."""
    often = '[cadence]\ndriving = "2s"\ncharging = "2s"\nparked = "2s"\n'
    model.write(folder, profile + often).rename(folder / f"{MODEL}.toml")
    return MODEL


def play(remote: RemoteWorld, body: Body, one: Round) -> None:
    body.says(**one.before)
    heard = len(body.heard)
    action = remote.ask(one.asked)
    assert remote.told.story(action) == one.story, (one.asked, remote.told.events[action], remote.world.bridge_log())
    shown = remote.shown(action)
    assert " ".join(filter(None, (shown["status"], shown.get("failureCause")))) == one.story[-1]
    frames = body.heard[heard:]
    assert len(frames) == one.frames, (one.asked, frames)
    assert {name: getattr(body, name) for name in one.after} == one.after, one.asked
    assert body.wrong == []


def play_all(remote: RemoteWorld, body: Body) -> None:
    """With a vehicle that was heard."""
    for one in AWAKE:
        play(remote, body, one)
    status = status_of(remote)
    (conditioned,) = status["preconditioning"]["airConditioning"]["programs"]
    assert (conditioned["slot"], conditioned["start"]) == (1, "PT7H15M")
    (electric,) = status["energies"]
    (charged,) = electric["extension"]["electric"]["charging"]["schedule"]["programs"]
    assert (charged["slot"], charged["start"], charged["end"]) == (2, "PT22H", "PT6H30M")
    body.says(level_percent=5)
    remote.until(lambda: status_of(remote)["energies"][0]["level"] == 5)
    play(remote, body, DRAINED)
    body.says(level_percent=80)
    remote.until(lambda: status_of(remote)["energies"][0]["level"] == 80)


def play_asleep(remote: RemoteWorld, body: Body) -> None:
    """It falls asleep first."""
    body.says(speaks=False)
    time.sleep(SILENT_MS / 1000 + 1)
    for one in ASLEEP:
        play(remote, body, one)


def status_of(remote: RemoteWorld) -> Document:
    status: Document = remote.world.get(f"/fleets/{FLEET}/vehicles/{remote.vehicle_id}/status").json()
    return status
