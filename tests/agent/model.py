"""A small model for tests of the plan and the sampler: a database, a profile, and frames of it."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from agent.bus.frame import Frame
from agent.plan.compiling import compile_plan
from agent.plan.compiling_events import without_events
from agent.plan.plan import Plan
from contract.profile.events import BUILT_IN

DATABASE = """VERSION ""
BU_: Car
BO_ 256 State: 2 Car
 SG_ Power : 0|2@1+ (1,0) [0|0] "" Car
 SG_ Ignition : 8|2@1+ (1,0) [0|0] "" Car
BO_ 512 Motion: 4 Car
 SG_ Speed : 0|16@1+ (0.01,0) [0|300] "km/h" Car
 SG_ Level : 16|8@1+ (1,-40) [-40|150] "degC" Car
 SG_ Oil : 24|1@1+ (1,0) [0|0] "" Car
 SG_ Test : 25|1@1+ (1,0) [0|0] "" Car
BO_ 768 Guarded: 4 Car
 SG_ Distance : 0|16@1+ (0.1,0) [0|0] "km" Car
 SG_ Counter : 16|4@1+ (1,0) [0|0] "" Car
 SG_ Checksum : 24|8@1+ (1,0) [0|0] "" Car
BO_ 1024 Pages: 3 Car
 SG_ Page M : 0|8@1+ (1,0) [0|0] "" Car
 SG_ Load m0 : 8|8@1+ (1,0) [0|0] "%" Car
 SG_ Throttle m1 : 8|8@1+ (1,0) [0|0] "%" Car
BO_ 1280 Satellite: 8 Car
 SG_ Seconds : 0|32@1+ (1,0) [0|0] "s" Car
 SG_ Fixed : 32|1@1+ (1,0) [0|0] "" Car
BO_ 1536 Cell: 4 Car
 SG_ Current : 0|32@1- (1,0) [-500|500] "A" Car
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_ "GenMsgCycleTime" BO_ 256 100;
BA_ "GenMsgCycleTime" BO_ 512 100;
BA_ "GenMsgCycleTime" BO_ 768 100;
BA_ "GenMsgCycleTime" BO_ 1280 1000;
BA_ "GenMsgCycleTime" BO_ 1536 100;
VAL_ 256 Power 0 "Asleep" 1 "Waking" 2 "Awake" ;
VAL_ 256 Ignition 0 "Off" 1 "On" ;
VAL_ 512 Oil 0 "Off" 1 "On" ;
SIG_VALTYPE_ 1536 Current : 1;
"""

PROFILE = """model = "test"
label = "Test"
brand = "Test"
motorization = "Thermic"

[buses.can0]
databases = ["car.dbc"]
valid_when = "State.Power == 'Awake'"

[classes]
fast = { every = "1s" }
slow = { every = "10s" }
state = { on_change = true, every = "60s" }

[signals]
"Motion.Speed" = { class = "fast", invalid = [65535] }
"Motion.Level" = { class = "slow", invalid = [255] }
"Motion.Oil" = { class = "state", valid_when = "Motion.Test == 0" }
"State.Ignition" = { class = "state" }
"Guarded.Distance" = { class = "fast" }
"Pages.Load" = { class = "fast" }
"Pages.Throttle" = { class = "state" }
"Cell.Current" = { class = "fast" }

[messages]
Guarded = { checksum = { signal = "Checksum" }, counter = { signal = "Counter" } }

[data]
"kinetic.speed" = { from = "Motion.Speed" }
"ignition.type" = { from = "State.Ignition", values = { Off = "Stop", On = "Start" } }

[alerts]
EngineOilPressureFailure = { from = "Motion.Oil", is = ["On"] }

[clock]
from = "Satellite.Seconds"
valid_when = "Satellite.Fixed == 1"
uncertainty = "50ms"
"""


def write(folder: Path, profile: str = PROFILE, database: str = DATABASE) -> Path:
    """The profile's file, beside its database."""
    (folder / "car.dbc").write_text(database)
    file = folder / "car.toml"
    file.write_text(profile)
    return file


def plan(
    folder: Path,
    profile: str = PROFILE,
    cadence_ms: int | None = None,
    without: Iterable[str] = BUILT_IN,
    first_ms: int = 0,
) -> Plan:
    """Without the built-in events and an early first upload, which end batches at moments of their own."""
    compiled = compile_plan(write(folder, profile), cadence_ms=cadence_ms)
    return replace(without_events(compiled, without), first_ms=first_ms)


def number(of: Plan, name: str) -> int:
    return next(index for index, signal in enumerate(of.signals) if signal.name == name)


def state(at_ms: int, power: int = 2, ignition: int = 0) -> Frame:
    return Frame(at_ms, "can0", 0x100, False, bytes([power, ignition]))


def motion(at_ms: int, speed: int = 0, level: int = 60, oil: int = 0, test: int = 0) -> Frame:
    return Frame(at_ms, "can0", 0x200, False, struct.pack("<HBB", speed, level, oil | test << 1))


def guarded(at_ms: int, distance: int, counter: int) -> Frame:
    data = struct.pack("<HB", distance, counter)
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x1D if crc & 0x80 else crc << 1) & 0xFF
    return Frame(at_ms, "can0", 0x300, False, data + bytes([crc ^ 0xFF]))


def page(at_ms: int, number: int, value: int) -> Frame:
    return Frame(at_ms, "can0", 0x400, False, bytes([number, value, 0]))


def satellite(at_ms: int, seconds: int, fixed: int = 1) -> Frame:
    return Frame(at_ms, "can0", 0x500, False, struct.pack("<IBxxx", seconds, fixed))


def cell(at_ms: int, current: float) -> Frame:
    return Frame(at_ms, "can0", 0x600, False, struct.pack("<f", current))
