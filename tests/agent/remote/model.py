"""A car whose body controller can be asked: it locks, hoots, heats and takes destinations; as `WHOLE` it does all nine
of the published actions."""

from __future__ import annotations

from pathlib import Path

from agent.plan.compiling import compile_plan
from agent.plan.plan import Plan

VIN = "VR3UPHNKSKT000001"

DATABASE = """VERSION ""
BU_: Car
BO_ 256 Motion: 8 Car
 SG_ Speed : 0|16@1+ (0.01,0) [0|655.35] "km/h" Car
 SG_ Door : 16|1@1+ (1,0) [0|1] "" Car
BO_ 512 Body: 8 Car
 SG_ Locks : 0|2@1+ (1,0) [0|3] "" Car
 SG_ Horn : 2|1@1+ (1,0) [0|1] "" Car
 SG_ Heating : 3|1@1+ (1,0) [0|1] "" Car
 SG_ Lights : 4|1@1+ (1,0) [0|1] "" Car
 SG_ Immobilized : 5|1@1+ (1,0) [0|1] "" Car
BO_ 513 Battery: 8 Car
 SG_ Charging : 0|2@1+ (1,0) [0|3] "" Car
 SG_ Station : 2|1@1+ (1,0) [0|1] "" Car
 SG_ Level : 8|8@1+ (1,0) [0|100] "%" Car
 SG_ Power : 16|3@1+ (1,0) [0|7] "" Car
 SG_ Full : 19|1@1+ (1,0) [0|1] "" Car
 SG_ Programs : 24|4@1+ (1,0) [0|15] "" Car
BO_ 514 Guidance: 8 Car
 SG_ Places : 0|8@1+ (1,0) [0|255] "" Car
BO_ 768 LockCommand: 8 Car
 SG_ Command : 7|4@0+ (1,0) [0|15] "" Car
 SG_ Delay : 15|8@0+ (0.1,0) [0|25.5] "s" Car
BO_ 769 HornCommand: 4 Car
 SG_ Command : 0|2@1+ (1,0) [0|3] "" Car
 SG_ Tone : 8|8@1+ (1,0) [0|255] "" Car
 SG_ Counter : 20|4@1+ (1,0) [0|15] "" Car
 SG_ Checksum : 24|8@1+ (1,0) [0|255] "" Car
BO_ 771 LightsCommand: 2 Car
 SG_ Command : 0|2@1+ (1,0) [0|3] "" Car
BO_ 772 ChargeCommand: 2 Car
 SG_ Command : 0|3@1+ (1,0) [0|7] "" Car
 SG_ Power : 8|3@1+ (1,0) [0|7] "" Car
 SG_ Full : 11|1@1+ (1,0) [0|1] "" Car
BO_ 773 ImmobilizerCommand: 4 Car
 SG_ Command : 0|2@1+ (1,0) [0|3] "" Car
 SG_ Counter : 20|4@1+ (1,0) [0|15] "" Car
 SG_ Checksum : 24|8@1+ (1,0) [0|255] "" Car
BO_ 770 Wide: 16 Car
 SG_ Value : 0|8@1+ (1,0) [0|255] "" Car
VAL_ 512 Locks 0 "Open" 1 "Locked" 2 "Unlocked" ;
VAL_ 513 Charging 0 "Stopped" 1 "InProgress" ;
VAL_ 513 Station 0 "Good" 1 "Faulty" ;
VAL_ 768 Command 1 "Lock" 2 "Unlock" ;
VAL_ 771 Command 1 "On" 2 "Off" ;
VAL_ 772 Command 1 "Start" 2 "Stop" 3 "SetPower" 4 "SetEnd" ;
VAL_ 773 Command 1 "Block" 2 "Release" ;
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_ "GenMsgCycleTime" BO_ 256 100;
BA_ "GenMsgCycleTime" BO_ 512 100;
BA_ "GenMsgCycleTime" BO_ 769 20;
"""

PROFILE = """model = "asked"
label = "Asked"
brand = "Test"
motorization = "Electric"

[buses.can0]
databases = ["car.dbc"]

[classes]
fast = { every = "1s" }
state = { on_change = true, every = "1 min" }

[signals]
"Motion.Speed" = { class = "fast" }
"Body.Locks" = { class = "state" }

[data]
"kinetic.speed" = { from = "Motion.Speed" }

[gnss]
source = "none"

[actions.lock]
frames = [{ message = "LockCommand", set = { Command = "Lock", Delay = 1.5 } }]
proof = "Body.Locks == 'Locked'"
within = "2s"
unless = { DoorsOpen = "Motion.Door == 1" }

[actions.unlock]
frames = [{ message = "LockCommand", set = { Command = "Unlock" }, count = 3, every = "20ms" }]
proof = "Body.Locks == 'Unlocked'"
requires = { VehicleIsNotLocked = "Body.Locks == 'Locked'" }

[actions.horn-on]
proof = "Body.Horn == 1"
always = true
[[actions.horn-on.frames]]
message = "HornCommand"
set = { Command = 1 }
others = "heard"
counter = "Counter"
checksum = { signal = "Checksum" }
count = 5

[actions.precondition]
proof = "Body.Heating == 1"
requests = { request = 0x744, answer = 0x764, send = ["10 03", "31 01 F0 10 01"] }

[actions.navigate]
[actions.navigate.requests]
request = 0x744
answer = 0x764
send = ["2E D0 10 latitude*10000000:4", "2E D0 11 longitude*10000000:4", "31 01 F0 11 position:1 positions:1"]

[actions.wake-up]
frames = [{ id = 0x400, data = "00 FF", count = 2, every = "10ms" }]
"""

_NAVIGATE = "[actions.navigate]\n"
_MORE = """
[signals."Battery.Level"]
class = "state"
[signals."Battery.Charging"]
class = "state"

[data."energies.Electric.level"]
from = "Battery.Level"
[data."energies.Electric.charging.status"]
from = "Battery.Charging"
[data."doorsState.locked"]
from = "Body.Locks"
values = { Locked = "Locked", Unlocked = "Unlocked" }

[actions.horn-off]
proof = "Body.Horn == 0"
[[actions.horn-off.frames]]
message = "HornCommand"
set = { Command = 2 }
others = "heard"
counter = "Counter"
checksum = { signal = "Checksum" }
count = 2

[actions.lights-on]
frames = [{ message = "LightsCommand", set = { Command = "On" } }]
proof = "Body.Lights == 1"
within = "2s"

[actions.lights-off]
frames = [{ message = "LightsCommand", set = { Command = "Off" } }]
proof = "Body.Lights == 0"

[actions.immobilize]
proof = "Body.Immobilized == 1"
[[actions.immobilize.frames]]
message = "ImmobilizerCommand"
set = { Command = "Block" }
counter = "Counter"
checksum = { signal = "Checksum" }
count = 3
every = "20ms"

[actions.release]
proof = "Body.Immobilized == 0"
[[actions.release.frames]]
message = "ImmobilizerCommand"
set = { Command = "Release" }
counter = "Counter"
checksum = { signal = "Checksum" }
count = 3
every = "20ms"

[actions.stop-preconditioning]
proof = "Body.Heating == 0"
requests = { request = 0x744, answer = 0x764, send = ["10 03", "31 02 F0 10"] }

[actions.charge]
frames = [{ message = "ChargeCommand", set = { Command = "Start" } }]
proof = "Battery.Charging == 'InProgress'"
unless = { ExternalChargingSystemError = "Battery.Station == 'Faulty'" }

[actions.stop-charging]
frames = [{ message = "ChargeCommand", set = { Command = "Stop" } }]
proof = "Battery.Charging == 'Stopped'"

[actions.set-charging-level]
frames = [{ message = "ChargeCommand", set = { Command = "SetPower", Power = { argument = "level" } } }]
proof = "Battery.Power > 0"
always = true

[actions.set-charging-type]
frames = [{ message = "ChargeCommand", set = { Command = "SetEnd", Full = { argument = "full" } } }]

[actions.set-charging-program]
proof = "Battery.Programs > 0"
always = true
[actions.set-charging-program.requests]
request = 0x744
answer = 0x764
send = ["2E D0 20 slot:1 enabled:1 hour:1 minute:1", "2E D0 21 slot:1 end-hour:1 end-minute:1 days:1"]
"""
WHOLE = PROFILE.replace(_NAVIGATE, f'{_NAVIGATE}proof = "Guidance.Places > 0"\nalways = true\n', 1) + _MORE
"""Programs of charging are handed to the vehicle, those of preconditioning are kept and done by the box."""


def write(folder: Path, profile: str = PROFILE) -> Path:
    (folder / "car.dbc").write_text(DATABASE)
    file = folder / "car.toml"
    file.write_text(profile)
    return file


def plan(folder: Path, profile: str = PROFILE) -> Plan:
    return compile_plan(write(folder, profile))
