"""A made-up car that says every datum of the catalogue: its database, its profile, and recordings of it.

Recordings of real cars fill few of the published fields. This one has a message for each datum and each alert, and says
what it may say one after the other, each datum at another time, while it makes two short trips, crashes twice and is
broken into. What it says need not make sense.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from contract.catalog import DATA, Kind
from contract.steps import ARGUMENTS, NEEDS

MODEL = "everything"
START_S = 1_750_000_000
"""2025-06-15T15:06:40Z: the first frame."""
LENGTH_S = 180
STEP_S = 20
"""How long the car says a value."""
ALERT_S = 70
"""How long an alert is on, and how long it is off."""
_PRIVATE_FROM_S = 150
"""When privacy sets in: on the second trip."""
_FIRST_ID = 0x100
_NOTHING = 0xFFFF
"""The raw value of a signal that says nothing."""
_SCALES = {"position.longitude": 1e-7, "position.latitude": 1e-7, "odometer.mileage": 0.01}
_FAST = ("kinetic.speed", "position.")
"""What the data begin with that are said each second."""

Raw = Callable[[int], int]
"""What a signal says, by the second."""


class Signal(NamedTuple):
    datum: str
    place: int

    @property
    def message(self) -> str:
        return f"Message{self.place}"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the raw values from 0 on."""
        return ("No", "Yes") if DATA[self.datum].kind is Kind.BOOLEAN else DATA[self.datum].values

    def raw(self, second: int, privacy: str) -> int:
        """`privacy`: the state that sets in on the second trip."""
        if self.datum == "privacy.state":
            return self.names.index(privacy if second >= _PRIVATE_FROM_S else "None")
        if self.datum in _STORY:
            return _STORY[self.datum](second)
        step = (second + self.place) // (ALERT_S if self.datum.startswith("alert.") else STEP_S)
        return step % len(self.names) if self.names else int(DATA[self.datum].minimum or 0) + 10 + step


def _ignition(second: int) -> int:
    """Off, then twice cranked and on for a minute."""
    since = second - (100 if second >= 100 else 10)
    return 0 if not 0 <= since < 60 else 1 if since < 3 else 2


def _at(told: dict[int, int]) -> Raw:
    """Said for two seconds each."""
    return lambda second: told.get(second, told.get(second - 1, _NOTHING))


_STORY: dict[str, Raw] = {
    "ignition.type": _ignition,
    "kinetic.speed": lambda second: 36 if _ignition(second) == 2 else 0,
    "odometer.mileage": lambda second: 1_000_000 + second,
    "position.longitude": lambda second: 23_000_000 + second * 1360,
    "position.latitude": lambda second: 488_000_000 + (second % 7) * 200,
    "position.altitude": lambda second: 35 + second // 60,
    "position.heading": lambda second: 90 + second % 3,
    "collision.side": _at({40: 0, 43: 2, 130: 1}),
    "collision.severity": _at({40: 2, 43: 1, 130: 0}),
    "collision.tippedOver": _at({42: 1, 131: 0}),
    "collision.pedestrian": _at({42: 0}),
}

SIGNALS = tuple(Signal(datum, place) for place, datum in enumerate(DATA))


def write_model(folder: Path) -> None:
    """Its profile and its database."""
    (folder / f"{MODEL}.dbc").write_text(_database(), encoding="utf-8")
    (folder / f"{MODEL}.toml").write_text(_profile(), encoding="utf-8")


def write_recording(path: Path, privacy: str = "None") -> None:
    """A recording that ends in a state of privacy."""
    lines = []
    last: dict[Signal, int] = {}
    for second in range(LENGTH_S):
        at_s = START_S + second
        for signal in SIGNALS:
            raw = signal.raw(second, privacy)
            # What has not changed is repeated now and then.
            if raw != last.get(signal) or (second + signal.place) % 5 == 0:
                last[signal] = raw
                payload = raw.to_bytes(4, "little").hex().upper()
                lines.append(f"({at_s}.000000) can0 {_FIRST_ID + signal.place:03X}#{payload}00000000\n")
    path.write_text("".join(lines))


def _database() -> str:
    messages, values = [], []
    for signal in SIGNALS:
        ident, unit = _FIRST_ID + signal.place, DATA[signal.datum].unit
        scale = _SCALES.get(signal.datum, 1)
        messages.append(
            f'BO_ {ident} {signal.message}: 8 Car\n SG_ Value : 0|32@1+ ({scale},0) [0|0] "{unit}" Vector__XXX\n'
        )
        if signal.names:
            named = " ".join(f'{raw} "{name}"' for raw, name in enumerate(signal.names))
            values.append(f"VAL_ {ident} Value {named} ;\n")
    return 'VERSION ""\n\nBU_: Car\n\n' + "\n".join(messages) + "\n" + "".join(values)


def _profile() -> str:
    signals, data, alerts = [], [], []
    for signal in SIGNALS:
        name = f'"{signal.message}.Value"'
        sampled = "fast" if signal.datum.startswith(_FAST) else "state"
        signals.append(f'{name} = {{ class = "{sampled}", invalid = [{_NOTHING}] }}\n')
        if signal.datum.startswith("alert."):
            alerts.append(f'{signal.datum.removeprefix("alert.")} = {{ from = {name}, is = ["Yes"] }}\n')
        elif DATA[signal.datum].kind is Kind.BOOLEAN:
            data.append(f'"{signal.datum}" = {{ from = {name}, values = {{ No = false, Yes = true }} }}\n')
        else:
            data.append(f'"{signal.datum}" = {{ from = {name} }}\n')
    actions = "".join(
        f'[actions.{name}]\nframes = [{{ id = 0x7F0, data = "01" }}]\n' for name in ARGUMENTS if name not in NEEDS
    )
    return f"""\
model = "{MODEL}"
label = "A car that says everything"
brand = "Canlift"
motorization = "Hybrid"

[buses.can0]
databases = ["{MODEL}.dbc"]

[gnss]
source = "can"

[classes]
fast = {{ every = "1s" }}
state = {{ on_change = true, every = "60s" }}

[signals]
{"".join(signals)}
[data]
{"".join(data)}
[alerts]
{"".join(alerts)}
[trip]
datum = "ignition.type"
active = ["StartUp", "Start"]
{actions}"""
