"""A made-up database as large as those that trucks use: their size and shape, and none of their content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

MESSAGES = 549
SIGNALS = 7
"""Of each message, a byte each; the last byte holds the eighth, two bits and their value names."""
WANTED_MESSAGES = 29
VIN = "VR3CANL1FT0000001"
_REMARK = "This remark stands for what the makers' databases say about each of their signals, at some length: "


def frame_id(message: int) -> int:
    return 0x0C00_0000 | message << 8


def write(folder: Path) -> Path:
    """The profile's file, beside its database of 1.9 MB."""
    (folder / "large.dbc").write_text("\n".join(_database()) + "\n")
    profile = folder / "large.toml"
    profile.write_text("\n".join(_profile()) + "\n")
    return profile


def _database() -> Iterator[str]:
    yield 'VERSION ""'
    yield "BU_: Truck"
    for message in range(MESSAGES):
        yield f"BO_ {frame_id(message) | 1 << 31} Message{message}: 8 Truck"
        for signal in range(SIGNALS):
            yield f' SG_ Signal{signal} : {8 * signal}|8@1+ (0.4,-40) [-40|62] "degC" Truck'
        yield ' SG_ Switch : 56|2@1+ (1,0) [0|3] "" Truck'
    for message in range(MESSAGES):
        number = frame_id(message) | 1 << 31
        for signal in range(SIGNALS):
            name = f"Message{message}.Signal{signal}"
            yield f'CM_ SG_ {number} Signal{signal} "{_REMARK}{name}{_REMARK}{name} {_REMARK}{name}";'
    yield 'BA_DEF_ BO_ "GenMsgCycleTime" INT 0 65535;'
    yield 'BA_DEF_DEF_ "GenMsgCycleTime" 0;'
    for message in range(MESSAGES):
        number = frame_id(message) | 1 << 31
        yield f'BA_ "GenMsgCycleTime" BO_ {number} {100 + message % 10 * 100};'
        yield f'VAL_ {number} Switch 0 "Off" 1 "On" 2 "Error" 3 "NotAvailable" ;'


def _profile() -> Iterator[str]:
    yield 'model = "large"\nlabel = "Large"\nbrand = "Bench"\nmotorization = "Thermic"'
    yield '[buses.can0]\ndatabases = ["large.dbc"]'
    yield '[classes]\nslow = { every = "1s" }\nfast = { every = "100ms" }\nstate = { on_change = true, every = "60s" }'
    yield "[signals]"
    for message in range(WANTED_MESSAGES):
        yield f'"Message{message}.Signal0" = {{ class = "{"fast" if message < 10 else "slow"}", invalid = [255] }}'
        yield f'"Message{message}.Signal3" = {{ class = "slow", valid_when = "Message{message}.Switch != \'Error\'" }}'
        yield f'"Message{message}.Switch" = {{ class = "state" }}'
