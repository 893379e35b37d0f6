"""A vehicle whose bus says the privacy and a position, beside that of the receiver; everything said is recognisable."""

from __future__ import annotations

import struct
from pathlib import Path

from agent.bus.frame import Frame
from agent.gnss.fix import Fix, to_frame
from agent.plan.compiling import compile_plan
from agent.plan.plan import Plan
from contract.upload import Privacy
from tests.agent import model

DATABASE = model.DATABASE.replace(
    "BO_ 512 Motion",
    """BO_ 1792 Wish: 1 Car
 SG_ Privacy : 0|2@1+ (1,0) [0|0] "" Car
BO_ 1808 Place: 8 Car
 SG_ Longitude : 0|32@1- (1E-7,0) [-180|180] "deg" Car
 SG_ Street : 32|32@1+ (1,0) [0|0] "" Car
BO_ 512 Motion""",
).replace("VAL_ 512 Oil", 'VAL_ 1792 Privacy 0 "Open" 1 "NoPlace" 2 "Nothing" 3 "Invalid" ;\nVAL_ 512 Oil')

PROFILE = (
    model.PROFILE.replace(
        "[messages]\n",
        """"Place.Longitude" = { class = "fast" }
"Place.Street" = { class = "state" }

[messages]
""",
    )
    + """
[events.fast]
when = "Motion.Speed > 200"
before = "20s"
after = "3s"
not_again_for = "1s"
record = ["Motion.Speed", "Place.Longitude", "Place.Street", "GNSS.Latitude", "GNSS.Speed"]

[events.home]
when = "Place.Street > 4000000000"
before = "5s"
after = "none"
record = ["Motion.Speed"]

[cadence]
asleep = "10s"

[privacy]
from = "Wish.Privacy"
values = { Open = "None", NoPlace = "Geolocation", Nothing = "Full" }
positional = ["Place.Longitude", "Place.Street"]
"""
)
POSITIONAL = {
    "Place.Longitude", "Place.Street",
    "GNSS.Longitude", "GNSS.Latitude", "GNSS.Altitude", "GNSS.Heading", "GNSS.Satellites", "GNSS.Fix",
}  # fmt: skip
WORDS = (Privacy.NONE, Privacy.GEOLOCATION, Privacy.FULL)


def plan(folder: Path, profile: str = PROFILE) -> Plan:
    (folder / "car.dbc").write_text(DATABASE)
    file = folder / "car.toml"
    file.write_text(profile)
    return compile_plan(file)


def wish(at_ms: int, word: Privacy | None) -> Frame:
    """None: a value that says nothing."""
    raw = 3 if word is None else WORDS.index(word)
    return Frame(at_ms, "can0", 0x700, False, bytes([raw]))


def place(at_ms: int, longitude: int, street: int) -> Frame:
    """Raw values."""
    return Frame(at_ms, "can0", 0x710, False, struct.pack("<iI", longitude, street))


def fix(at_ms: int, longitude: int, latitude: int, speed_kmh: float = 50.0) -> Frame:
    """Position as raw values, 1e-7 degrees."""
    return to_frame(Fix(at_ms, None, longitude / 1e7, latitude / 1e7, 321.0, 45.0, 9, 3, speed_kmh))
