"""A profile is checked whole, and everything wrong with it is told where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from contract.configuration import ConfigurationError
from contract.expressions import compile_expression
from contract.profile.data import Lamp, Mapping
from contract.profile.devices import RECEIVER_SIGNALS
from contract.profile.profile import Profile, load_profile

RIGHT = """
model = "small-car"
label = "Small car"
brand = "Cars"
motorization = "Thermic"

[buses.can0]
databases = ["../dbc/body.dbc", "/opt/engine.dbc"]
valid_when = "Bus.State == 'Awake'"

[buses.can1]
databases = ["extra.kcd"]

[classes]
fast = { every = "1s" }
state = { on_change = true, every = "1 min" }

[signals]
"Motion.Speed" = { class = "fast", invalid = [0xFFFF], maximum = 300 }
"Motion.Valid" = {}
"Key.State" = { class = "state", valid_when = "Motion.Valid == 'Yes'" }
"Lamps.Oil" = { class = "state" }

[messages]
Motion = { checksum = { signal = "Sum", final_xor = 0x0A, initial = 0 }, counter = { signal = "Count" } }
Lamps = { valid_when = "Lamps.Test == 'No'" }

[data]
"kinetic.speed" = { from = "Motion.Speed" }
"kinetic.moving" = { expression = "Motion.Speed > 0" }
"ignition.type" = { from = "Key.State", values = { Off = "Stop", On = "Start" } }

[alerts]
EngineOilPressureFailure = { from = "Lamps.Oil", is = ["On"] }
FuelLevelLow = { expression = "Lamps.Oil == 'Dim' and Key.State == 'On'" }

[trip]
datum = "ignition.type"
active = ["Start"]

[cadence]
driving = "30s"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "vehicles" / "small-car.toml"


def load(file: Path, text: str) -> Profile:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return load_profile(file)


def refused(file: Path, text: str) -> list[str]:
    """What is told, without the name of the file."""
    with pytest.raises(ConfigurationError) as caught:
        load(file, text)
    return [str(problem).removeprefix(f"{file}:") for problem in caught.value.problems]


def changed(old: str, new: str) -> str:
    assert old in RIGHT
    return RIGHT.replace(old, new)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_a_right_profile_says_everything_it_holds(file: Path) -> None:
    profile = load(file, RIGHT)
    folder = file.parent
    assert profile.buses["can0"].databases == (folder.parent / "dbc/body.dbc", Path("/opt/engine.dbc"))
    assert profile.buses["can1"].databases == (folder / "extra.kcd",)
    assert profile.buses["can0"].valid_when == compile_expression("Bus.State == 'Awake'")
    assert [(name, how.every, how.on_change) for name, _, how in profile.collected()] == [
        ("Motion.Speed", 1000, False),
        ("Key.State", 60_000, True),
        ("Lamps.Oil", 60_000, True),
    ]
    assert profile.signals["Motion.Speed"].invalid == (0xFFFF,)
    assert profile.signals["Motion.Speed"].minimum is None
    assert profile.signals["Motion.Speed"].maximum == 300
    checksum, counter = profile.messages["Motion"].checksum, profile.messages["Motion"].counter
    assert checksum is not None
    assert (checksum.signal, checksum.kind, checksum.initial, checksum.final_xor) == ("Sum", "crc8-j1850", 0, 0x0A)
    assert counter is not None
    assert counter.signal == "Count"
    assert profile.data["kinetic.moving"].names == ("Motion.Speed",)
    assert profile.alerts["EngineOilPressureFailure"] == Lamp(source="Lamps.Oil", states=("On",))
    assert profile.alerts["FuelLevelLow"].names == ("Lamps.Oil", "Key.State")
    assert profile.trip is not None
    assert (profile.trip.active, profile.trip.silence) == (("Start",), 300_000)
    assert (profile.cadence.driving, profile.cadence.parked) == (30_000, 60_000)
    assert profile.clock is None


def test_the_receiver_makes_the_position_unless_the_profile_says_otherwise(file: Path) -> None:
    profile = load(file, RIGHT)
    names = {signal.name for signal in RECEIVER_SIGNALS}
    positions = {key: mapping.source for key, mapping in profile.data.items() if key.startswith("position.")}
    assert positions == {
        "position.longitude": "GNSS.Longitude",
        "position.latitude": "GNSS.Latitude",
        "position.altitude": "GNSS.Altitude",
        "position.heading": "GNSS.Heading",
        "position.satellites": "GNSS.Satellites",
        "position.fix": "GNSS.Fix",
    }
    assert set(positions.values()) < names
    own = load(file, changed("[alerts]", '"position.heading" = { from = "Motion.Speed" }\n[alerts]'))
    assert own.data["position.heading"] == Mapping(source="Motion.Speed")
    none = load(file, RIGHT + '[gnss]\nsource = "none"\n')
    assert not any(key.startswith("position.") for key in none.data)


def test_a_class_may_follow_one_of_its_signals(file: Path) -> None:
    fast = 'fast = { every = "1s" }'
    followed = load(file, changed(fast, 'fast = { every = "1s", follows = "Motion.Speed" }'))
    assert followed.classes["fast"].follows == "Motion.Speed"
    text = changed(fast, 'fast = { every = "1s", follows = "Motion.Sped" }')
    told = "classes.fast.follows: Motion.Sped is no signal of this class; did you mean Motion.Speed?"
    assert refused(file, text) == [f"{line_of(text, fast[:6])}: {told}"]
    on_change = 'state = { on_change = true, every = "1 min"'
    text = changed(on_change, on_change + ', follows = "Key.State"')
    told = f"{line_of(text, on_change)}: classes.state.follows: a class that is sampled on change follows no signal"
    assert refused(file, text) == [told]


def test_the_speed_may_come_from_the_receiver(file: Path) -> None:
    text = changed('"kinetic.speed" = { from = "Motion.Speed" }', '"kinetic.speed" = { from = "GNSS.Speed" }')
    assert load(file, text).data["kinetic.speed"].names == ("GNSS.Speed",)
    (told,) = refused(file, text + '[gnss]\nsource = "none"\n')
    line = line_of(text, '"kinetic.speed" =')
    assert told == f'{line}: data."kinetic.speed": GNSS.Speed is not listed under [signals]; did you mean Motion.Speed?'


def test_a_position_on_the_bus_must_be_mapped(file: Path) -> None:
    text = RIGHT + '[gnss]\nsource = "can"\n'
    line = line_of(text, 'source = "can"')
    assert refused(file, text) == [
        f'{line}: gnss.source: with source = "can", [data] must map position.longitude',
        f'{line}: gnss.source: with source = "can", [data] must map position.latitude',
    ]


def test_a_clock_is_read_only_from_a_signal_that_the_profile_names(file: Path) -> None:
    text = RIGHT + '[clock]\nfrom = "Sat.Epoch"\nvalid_when = "Sat.Sure == \'Yes\'"\nuncertainty = "200ms"\n'
    clock = load(file, text).clock
    assert clock is not None
    assert (clock.source, clock.uncertainty) == ("Sat.Epoch", 200)


SPEED = '{ from = "Motion.Speed" }'
IGNITION = '{ from = "Key.State", values = { Off = "Stop", On = "Start" } }'
STATES = "known: Start, StartUp, Stop"


@pytest.mark.parametrize(
    ("old", "new", "key", "told"),
    [
        (
            '"kinetic.speed"',
            '"kinetic.sped"',
            'data."kinetic.sped"',
            "there is no such datum; did you mean kinetic.speed?",
        ),
        ('"kinetic.speed"', '"alert.FuelLevelLow"', 'data."alert.FuelLevelLow"', "alerts are mapped under [alerts]"),
        (
            SPEED,
            '{ from = "Motion.Sped" }',
            'data."kinetic.speed"',
            "Motion.Sped is not listed under [signals]; did you mean Motion.Speed?",
        ),
        (
            SPEED,
            '{ from = "Motion.Valid" }',
            'data."kinetic.speed"',
            "Motion.Valid has no class under [signals], so it is not sent",
        ),
        (SPEED, "{ }", 'data."kinetic.speed"', "needs either from or expression"),
        (
            SPEED,
            '{ from = "Motion.Speed", expression = "1" }',
            'data."kinetic.speed"',
            "needs either from or expression",
        ),
        (
            SPEED,
            '{ from = "Motion.Speed", values = { Low = "1" } }',
            'data."kinetic.speed".values.Low',
            "kinetic.speed is a number: it takes no table of values",
        ),
        (
            'On = "Start"',
            'On = "Started"',
            'data."ignition.type".values.On',
            "'Started' is not a published value of ignition.type; did you mean Start?",
        ),
        (
            'On = "Start"',
            "On = true",
            'data."ignition.type".values.On',
            f"True is not a published value of ignition.type; {STATES}",
        ),
        (
            '{ expression = "Motion.Speed > 0" }',
            '{ from = "Motion.Speed", values = { On = "1" } }',
            'data."kinetic.moving".values.On',
            "kinetic.moving is true or false, found '1'",
        ),
        (
            IGNITION,
            "{ expression = \"'Go' if Key.State == 'On' else 'Stop'\" }",
            'data."ignition.type".expression',
            f"'Go' is not a published value of ignition.type; {STATES}",
        ),
        (
            '"Motion.Speed > 0"',
            '"Motion.Speed >> 0"',
            'data."kinetic.moving".expression',
            "'Motion.Speed >> 0' at character 1 is not allowed; allowed: numbers",
        ),
        (
            'class = "fast", invalid',
            'class = "fst", invalid',
            'signals."Motion.Speed".class',
            "there is no class fst; did you mean fast?",
        ),
        (
            "maximum = 300",
            "maximum = 3, minimum = 9",
            'signals."Motion.Speed".minimum',
            "the minimum 9.0 is above the maximum 3.0",
        ),
        ('"Motion.Valid" = {}', '"Valid" = {}', "signals.Valid", 'a signal is named "Message.Signal"'),
        (
            '"Motion.Valid" = {}',
            '"GNSS.Speed" = {}',
            'signals."GNSS.Speed"',
            "the receiver's values need not be listed: [gnss] says how they are sampled",
        ),
        ("Lamps = {", "Lamp = {", "messages.Lamp", "no signal of Lamp is listed; did you mean Lamps?"),
        (
            "invalid = [0xFFFF]",
            "invalids = [1]",
            'signals."Motion.Speed".invalids',
            "unknown key; did you mean invalid?",
        ),
        (
            "final_xor = 0x0A",
            'kind = "crc8"',
            "messages.Motion.checksum.kind",
            '"crc8" is not allowed here; known: byte-sum, byte-xor, crc8-j1850, nibble-sum, nibble-xor',
        ),
        (
            "final_xor = 0x0A",
            "final_xor = 0x10A",
            "messages.Motion.checksum.final_xor",
            "expected a byte, 0 to 255, found 266",
        ),
        (
            "EngineOilPressureFailure",
            "EngineOilPressurFailure",
            "alerts.EngineOilPressurFailure",
            "there is no such alert type; did you mean EngineOilPressureFailure?",
        ),
        (
            '{ from = "Lamps.Oil", is = ["On"] }',
            '{ from = "Lamps.Oil" }',
            "alerts.EngineOilPressureFailure",
            "from and is belong together: the signal, and the values at which the alert is on",
        ),
        (
            'datum = "ignition.type"',
            'datum = "powertrain.status"',
            "trip.datum",
            "[data] does not map powertrain.status",
        ),
        ('active = ["Start"]', "active = []", "trip.active", "a trip needs at least one active value"),
        (
            'active = ["Start"]',
            'active = ["Run"]',
            "trip.active",
            f"'Run' is not a published value of ignition.type; {STATES}",
        ),
        ('["extra.kcd"]', "[]", "buses.can1.databases", "a bus needs at least one database"),
        (
            'driving = "30s"',
            "driving = 30",
            "cadence.driving",
            'expected a duration such as "500ms", "60s" or "10 min", found 30',
        ),
        (
            '"Thermic"',
            '"Petrol"',
            "motorization",
            '"Petrol" is not allowed here; known: Electric, Hybrid, Hydrogen, Thermic',
        ),
    ],
)
def test_what_contradicts_itself_is_refused_on_its_line(file: Path, old: str, new: str, key: str, told: str) -> None:
    text = changed(old, new)
    (problem,) = refused(file, text)
    assert problem.startswith(f"{line_of(text, new)}: {key}: {told}")


def test_a_profile_without_a_bus_is_refused(file: Path) -> None:
    head = RIGHT[: RIGHT.index("[buses.can0]")]
    assert "buses: a profile needs at least one bus" in refused(file, head + "[buses]\n")[0]


def test_the_example_of_the_documentation_is_a_right_profile(file: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "profiles.md").read_text()
    example = text.partition("```toml\n")[2].partition("```")[0]
    profile = load(file, example)
    assert profile.model == "my-car"
    assert profile.trip is not None
