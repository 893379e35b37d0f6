"""On a J1939 bus a message is its parameter group: from one source, whatever the priority and whomever it is for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.bus.recording import Recording
from agent.bus.socketcan.sockets import filters
from agent.j1939.identifiers import group_of
from agent.j1939.parameters import largest_valid
from agent.plan.compiling import compile_plan
from agent.plan.listening import listening
from agent.plan.plan import Plan, PlannedMessage
from agent.sampling.sampler import Sampler
from contract.configuration import ConfigurationError
from contract.upload import Count, Reason

DATABASE = """VERSION ""
BS_:
BU_: X
BO_ 2364540158 EEC1: 8 X
 SG_ EngineSpeed : 24|16@1+ (0.125,0) [0|8031.875] "rpm" X
BO_ 2565865214 Request: 8 X
 SG_ Number : 0|8@1+ (1,0) [0|255] "" X
BO_ 2348810494 TSC1: 8 X
 SG_ Torque : 0|8@1+ (1,0) [0|250] "%" X
"""
EEC1 = 0x0CF00400
REQUEST = 0x18EF0000


def plan_of(
    folder: Path,
    *,
    source: str = "",
    protocol: str = "j1939",
    wanted: str = "EEC1.EngineSpeed",
    databases: Sequence[str] = ("truck.dbc",),
) -> Plan:
    (folder / "truck.dbc").write_text(DATABASE)
    message = wanted.partition(".")[0]
    (folder / "truck.toml").write_text(
        f"""model = "truck"
label = "Truck"
brand = "Some"
motorization = "Thermic"
[buses.can0]
databases = {list(databases)}
protocol = "{protocol}"
[classes]
fast = {{ every = "1s" }}
[signals]
"{wanted}" = {{ class = "fast" }}
[messages]
{message} = {{ {source} }}
"""
    )
    return compile_plan(folder / "truck.toml", cadence_ms=60_000)


def sampled(plan: Plan, frames: list[Frame]) -> tuple[list[int | None], dict[Count, int]]:
    sampler = Sampler(plan, 0)
    assert sampler.feed(frames) == []
    batch = sampler.close(frames[-1].at_ms, Reason.CADENCE)
    assert batch is not None
    return [raw for grid in batch.grids for raw in grid.columns[0]], batch.ledger.counts


def engine(at_ms: int, number: int, raw: int) -> Frame:
    return Frame(at_ms, "can0", number, True, bytes(3) + raw.to_bytes(2, "little") + bytes(3))


def test_priority_and_destination_make_no_other_message(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    low_priority = EEC1 | 0x18000000
    raws, counts = sampled(
        plan, [engine(0, EEC1, 1), engine(500, low_priority, 2), engine(1000, EEC1, 3), engine(1500, low_priority, 4)]
    )
    assert raws == [1, 3]
    assert Count.UNKNOWN not in counts
    assert group_of(REQUEST | 0x1234) == group_of(REQUEST)
    asked = plan_of(tmp_path, wanted="Request.Number")
    to_some, to_other = (Frame(at, "can0", REQUEST | number, True, bytes([at])) for at, number in ((0, 0), (1, 0x2500)))
    assert sampled(asked, [to_some, to_other, to_other._replace(at_ms=1000, data=b"\7")])[0] == [0, 7]


def test_an_id_of_11_bits_is_of_no_group(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, wanted="TSC1.Torque")  # Of the group 0, as the numbers of all short ids would be.
    one, other = (Frame(at, "can0", 0x0C000003, True, bytes([at // 1000])) for at in (0, 2000))
    raws, counts = sampled(plan, [one, Frame(1000, "can0", 0x003, False, b"\x09"), other])
    assert raws == [0, 0, 2]
    assert counts[Count.UNKNOWN] == 1


def test_the_source_that_is_heard_first_is_kept_while_it_is_fresh(tmp_path: Path) -> None:
    frames = [engine(at_ms, EEC1 | source, source + 1) for at_ms in range(0, 3000, 100) for source in (0, 5)]
    raws, counts = sampled(plan_of(tmp_path), frames)
    assert raws == [1, 1, 1]
    assert Count.UNKNOWN not in counts
    # Once it is silent, another one is heard.
    later = [engine(at_ms, EEC1 | 5, 6) for at_ms in range(3000, 14_000, 100)]
    raws, _ = sampled(plan_of(tmp_path), [*frames, *later])
    assert raws[-1] == 6
    assert set(raws) == {1, None, 6} or set(raws) == {1, 6}


def test_a_source_that_the_profile_names_is_the_only_one(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, source="source = 5")
    raws, _ = sampled(plan, [engine(at_ms, EEC1 | source, source) for at_ms in (0, 1000, 2000) for source in (0, 5)])
    assert raws == [5, 5, 5]


def test_a_source_on_a_bus_that_is_not_of_j1939_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not one of J1939"):
        plan_of(tmp_path, source="source = 5", protocol="can")
    with pytest.raises(ConfigurationError, match="expected an address, 0 to 253, found 300"):
        plan_of(tmp_path, source="source = 300")


ENGINE = DATABASE.replace("2364540158 EEC1", "{number} EngineOne").replace("EngineSpeed", "Rpm")
"""Another database, with another name for the group of EEC1 and perhaps another id."""


def named(plan: Plan, name: str) -> PlannedMessage:
    (message,) = (message for message in plan.messages if message.name == name)
    return message


def claims_of(folder: Path, other: str, source: str = "") -> tuple[str, ...]:
    (folder / "other.dbc").write_text(other)
    plan = plan_of(folder, source=source, databases=("truck.dbc", "other.dbc"))
    return tuple(map(str, named(plan, "EEC1").claims))


@pytest.mark.parametrize("number", [0x8CF004FE, 0x8CF00421, 0x98F00400])
def test_two_databases_claim_a_group_whatever_their_ids_say_of_priority_and_source(tmp_path: Path, number: int) -> None:
    assert claims_of(tmp_path, ENGINE.format(number=number)) == ("EEC1 in truck.dbc", "EngineOne in other.dbc")


def test_another_group_or_a_source_that_the_profile_excludes_is_no_claim(tmp_path: Path) -> None:
    from_33 = ENGINE.format(number=0x98F00421)
    assert claims_of(tmp_path, from_33, "source = 5") == ()
    assert claims_of(tmp_path, from_33, "source = 33") != ()
    assert claims_of(tmp_path, ENGINE.format(number=0x8CF004FE), "source = 5") != ()
    assert claims_of(tmp_path, ENGINE.format(number=0x98F005FE)) == ()


def test_messages_of_one_database_that_differ_in_their_source_are_no_claim(tmp_path: Path) -> None:
    other = ENGINE.format(number=0x98F00421).partition("\n")[2]
    (tmp_path / "both.dbc").write_text(DATABASE + other.partition("BO_ 2565865214")[0])
    assert named(plan_of(tmp_path, databases=("both.dbc",)), "EEC1").claims == ()


def test_not_available_and_error_are_no_values(tmp_path: Path) -> None:
    raws, counts = sampled(
        plan_of(tmp_path), [engine(at, EEC1, raw) for at, raw in ((0, 0xFFFF), (1000, 0xFE00), (2000, 0xFAFF))]
    )
    assert raws == [None, None, 0xFAFF]
    assert counts[Count.INVALID] == 2
    assert [largest_valid(length) for length in (2, 4, 8, 16, 12)] == [1, 13, 250, 0xFAFF, None]


def test_frames_of_other_groups_are_counted(tmp_path: Path) -> None:
    _, counts = sampled(plan_of(tmp_path), [engine(0, EEC1, 1), engine(10, 0x18FEF100, 1), engine(20, 0x100, 1)])
    assert counts[Count.UNKNOWN] == 2


def test_a_message_that_comes_in_the_frames_of_a_broadcast_is_one_of_its_group(tmp_path: Path) -> None:
    def frames(at_ms: int, *payloads: str) -> list[Frame]:
        ids = [0x1CECFF00, *[0x1CEBFF00] * (len(payloads) - 1)]
        return [
            Frame(at_ms + 50 * place, "can0", number, True, bytes.fromhex(payload))
            for place, (number, payload) in enumerate(zip(ids, payloads, strict=True))
        ]

    announced, first, second = "20 0A 00 02 FF 04 F0 00", "01 00 00 00 07 00 00 00", "02 00 00 00 FF FF FF FF"
    raws, counts = sampled(plan_of(tmp_path), [*frames(0, announced, first, second), engine(1100, EEC1 | 1, 9)])
    assert raws == [None, 7]
    assert Count.UNKNOWN not in counts
    # The second frame before the first; and a message that stops.
    broken = [*frames(0, announced, second), *frames(200, announced, first), *frames(400, announced, first, second)]
    raws, counts = sampled(plan_of(tmp_path), [*broken, engine(1500, EEC1 | 1, 9)])
    assert raws == [None, 7]
    assert (counts[Count.CHECKSUM], counts[Count.WRONG_LENGTH]) == (1, 1)


def test_the_kernel_is_asked_for_groups_by_mask(tmp_path: Path) -> None:
    wanted = filters(listening(plan_of(tmp_path), "can0"))
    transport = (0x1CECFF00, 0x1CEBFF17)  # in whose frames a longer message of the group may come
    passes = [
        number
        for number in (EEC1, EEC1 | 0x18000025, 0x0CF00300, *transport, 0x18FEF100)
        if any((number | 1 << 31) & each.mask == each.id for each in wanted)
    ]
    assert passes == [EEC1, EEC1 | 0x18000025, *transport]


def test_a_truck_is_read_although_its_addresses_are_not_those_of_the_database(shared: Path, tmp_path: Path) -> None:
    (tmp_path / "truck.toml").write_text(
        f"""model = "truck"
label = "Truck"
brand = "Some"
motorization = "Thermic"
[buses.can0]
databases = ["{shared / "data/dbc/j1939_css_demo.dbc"}"]
protocol = "j1939"
[classes]
fast = {{ every = "1s" }}
[signals]
"EEC1.EngineSpeed" = {{ class = "fast" }}
"CCVS1.WheelBasedVehicleSpeed" = {{ class = "fast" }}
"""
    )
    plan = compile_plan(tmp_path / "truck.toml", cadence_ms=600_000)
    recording = Recording([shared / "data/logs/truck_j1939_css_127s.log.gz"], plan.buses, losses=Losses())
    sampler = Sampler(plan, 0)
    for frames in recording.batches():
        assert sampler.feed(frames) == []
    batch = sampler.close(127_000, Reason.CADENCE)
    assert batch is not None
    speeds, ways = batch.grids[0].columns
    assert len(speeds) >= 120
    assert speeds.count(None) <= 1
    rpm = [raw * 0.125 for raw in speeds if raw is not None]
    assert 500 < min(rpm) < max(rpm) < 2500
    kmh = [raw / 256 for raw in ways if raw is not None]
    assert len(kmh) >= 120
    assert 0 <= min(kmh) <= max(kmh) < 120
