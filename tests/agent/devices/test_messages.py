"""What the box itself says goes the way of a bus's messages, but it wakes nothing and is no frame of a bus."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.bus.frame import Frame
from agent.devices.messages import decoder, frame, frame_of, layout
from agent.plan.compiling import compile_plan
from agent.plan.plan import Plan
from agent.sampling.batch import Batch
from agent.sampling.sampler import Sampler
from contract.configuration import ConfigurationError
from contract.profile.devices import DEVICES
from contract.upload import Change, Count, Reason
from tests.agent import model
from tests.agent.model import number, state

LISTED = """
"Modem.SignalStrength" = { class = "fast" }
"Modem.Registration" = { class = "state" }
"Power.Supply" = { class = "state", valid_when = "Modem.Registration == 'Home'" }

[messages]
"""


def plan(folder: Path, profile: str = model.PROFILE.replace("[messages]\n", LISTED)) -> Plan:
    return model.plan(folder, profile)


def modem(at_ms: int, dbm: int | None, registration: int | None = 1) -> Frame:
    return frame_of(at_ms, "Modem", {"SignalStrength": dbm, "Registration": registration})


def batches(plan: Plan, *frames: Frame) -> list[Batch]:
    sampler = Sampler(plan, 0)
    found = sampler.feed(frames)
    last = sampler.close(frames[-1].at_ms, Reason.SLEEP)
    return found if last is None else [*found, last]


@pytest.mark.parametrize("message", DEVICES)
def test_each_message_reads_back_what_was_packed_and_nothing_where_nothing_was_said(message: str) -> None:
    names = [signal.name.partition(".")[2] for signal in DEVICES[message]]
    raws = [None if position == 1 else position * 1000 - 5 for position in range(len(names))]
    decode = decoder(message, names)
    assert decode(frame(7, message, raws).data) == tuple(raws)
    assert decode(frame(7, message, [None] * len(names)).data) == (None,) * len(names)
    assert decoder(message, names[::-1])(frame(7, message, raws).data) == tuple(raws[::-1])
    assert [signal.name for signal in layout(message).signals] == names


def test_physical_values_are_scaled_and_what_does_not_fit_is_absent() -> None:
    supply = decoder("Power", ["Supply"])
    assert supply(frame_of(0, "Power", {"Supply": 12.34}).data) == (1234,)
    assert supply(frame_of(0, "Power", {"Supply": 1e9}).data) == (None,)
    with pytest.raises(ValueError, match="Power has 1 signals, found 2 values"):
        frame(0, "Power", [1, 2])


def test_listed_signals_are_sampled_on_the_grid_and_on_change(tmp_path: Path) -> None:
    made = plan(tmp_path)
    sampled = batches(
        made,
        state(1000),
        modem(1100, -70),
        frame_of(1200, "Power", {"Supply": 12.5}),
        state(2000),
        modem(2100, -75, registration=2),
        state(3500),
    )
    strength = number(made, "Modem.SignalStrength")
    (grid,) = [each for batch in sampled for each in batch.grids if strength in made.groups[each.group].signals]
    column = grid.columns[strength - made.groups[grid.group].signals.start]
    assert (grid.start_ms, column) == (1000, (None, -70, -75))
    changes = [change for batch in sampled for change in batch.changes]
    assert Change(1100, number(made, "Modem.Registration"), 1) in changes
    assert Change(2100, number(made, "Modem.Registration"), 2) in changes
    # A condition over what a device says is one like any other.
    assert Change(1200, number(made, "Power.Supply"), 1250) in changes
    assert Change(3000, number(made, "Power.Supply"), None) in changes


def test_a_device_wakes_nothing_and_is_no_frame_of_a_bus(tmp_path: Path) -> None:
    made = plan(tmp_path)
    sampler = Sampler(made, 0)
    assert sampler.feed([modem(1000, -70), frame_of(1500, "Box", {"Uptime": 3})]) == []
    assert sampler.close(2000, Reason.CADENCE) is None

    sampled = batches(made, state(3000), modem(3100, -70), frame_of(3200, "Box", {"Uptime": 3}), state(3300))
    assert sampled[0].start_ms == 3000
    assert [batch.ledger.counts.get(Count.FRAMES) for batch in sampled] == [2]
    assert not any(batch.ledger.counts.get(Count.UNKNOWN) for batch in sampled)


def test_a_bus_is_silent_however_much_the_devices_say(tmp_path: Path) -> None:
    made = plan(tmp_path)
    sampler = Sampler(made, 0)
    sampler.feed([state(1000)])
    ended = sampler.feed(modem(at_ms, -70) for at_ms in range(2000, 1000 + made.silence_ms + 5000, 1000))
    ended += sampler.advance(1000 + made.silence_ms + 5000)
    assert ended[-1].reason is Reason.SLEEP


def test_an_unknown_signal_of_a_device_names_the_nearest(tmp_path: Path) -> None:
    wrong = LISTED.replace("Modem.SignalStrength", "Modem.SignalStrenght")
    with pytest.raises(ConfigurationError, match=r"message Modem has no signal SignalStrenght; did you mean Signal"):
        plan(tmp_path, model.PROFILE.replace("[messages]\n", wrong))


def test_a_database_with_a_message_of_that_name_goes_before_the_box(tmp_path: Path) -> None:
    profile = model.PROFILE.replace("[messages]\n", '"Power.Level" = { class = "fast" }\n\n[messages]\n')
    file = model.write(tmp_path, profile)
    (tmp_path / "car.dbc").write_text(
        model.DATABASE.replace(
            "BO_ 512 Motion", 'BO_ 777 Power: 1 Car\n SG_ Level : 0|8@1+ (1,0) [0|0] "" Car\nBO_ 512 Motion'
        )
    )
    made = compile_plan(file)
    (message,) = [message for message in made.messages if message.name == "Power"]
    assert (message.bus, message.id, message.device) == ("can0", 777, False)


def test_no_bus_may_be_named_as_a_device(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Modem is what the box itself says: a bus needs another name"):
        model.plan(tmp_path, model.PROFILE.replace("[buses.can0]", "[buses.Modem]"))
