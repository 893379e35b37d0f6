"""A car whose body controller can be asked: it locks, hoots, charges and takes destinations."""

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
BO_ 768 LockCommand: 8 Car
 SG_ Command : 7|4@0+ (1,0) [0|15] "" Car
 SG_ Delay : 15|8@0+ (0.1,0) [0|25.5] "s" Car
BO_ 769 HornCommand: 4 Car
 SG_ Command : 0|2@1+ (1,0) [0|3] "" Car
 SG_ Tone : 8|8@1+ (1,0) [0|255] "" Car
 SG_ Counter : 20|4@1+ (1,0) [0|15] "" Car
 SG_ Checksum : 24|8@1+ (1,0) [0|255] "" Car
BO_ 770 Wide: 16 Car
 SG_ Value : 0|8@1+ (1,0) [0|255] "" Car
VAL_ 512 Locks 0 "Open" 1 "Locked" 2 "Unlocked" ;
VAL_ 768 Command 1 "Lock" 2 "Unlock" ;
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


def write(folder: Path, profile: str = PROFILE) -> Path:
    (folder / "car.dbc").write_text(DATABASE)
    file = folder / "car.toml"
    file.write_text(profile)
    return file


def plan(folder: Path, profile: str = PROFILE) -> Plan:
    return compile_plan(write(folder, profile))
