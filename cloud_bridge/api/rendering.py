"""Puts data into their published places.

`PLACES` says where each datum of the catalog stands in a document. An element of a list is named by what identifies it
(`engines[type=Thermic]`), and a path that ends in `[]` adds the value to a list. The table is compiled against a
document's type when the module is loaded (a place that the type does not have is an error then), once for the status
and once for telemetry, where most blocks lie below `vehicle`.

A block with a `createdAt` carries the oldest collection time of its members, nested blocks included: it never claims to
be fresher than it is. Data that no place takes (`position.*`, `alert.*`) are passed over: other documents show them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET

from cloud_bridge.api.documents import Document
from cloud_bridge.api.times import iso_duration, rfc3339
from cloud_bridge.records.model import Known, Value
from contract.catalog import DATA, ENERGIES, ENGINES, LOCKED_STATES, OPENINGS, Kind

_ENERGY = {
    "Fuel": "energies[type=Fuel,subType=FossilEnergy]",
    "Electric": "energies[type=Electric,subType=ElectricEnergy]",
}
_CHARGING = (
    "plugged", "status", "remainingTime", "chargingRate", "chargingPowerLevel", "chargingMode", "nextDelayedTime",
    "type",
)  # fmt: skip

_AS_THEY_ARE = (
    "ignition", "powertrain", "odometer", "kinetic", "battery", "privacy", "environment", "drivingBehavior",
    "wipingBlades", "transmission", "preconditioning", "alarm.status",
)  # fmt: skip
"""Blocks whose data stand where their keys say."""


def _places() -> dict[str, str]:
    places = {key: key for key in DATA if key.startswith(tuple(f"{block}." for block in _AS_THEY_ARE))}
    for energy in ENERGIES:
        for name in ("level", "autonomy"):
            places[f"energies.{energy}.{name}"] = f"{_ENERGY[energy]}.{name}"
    for name in ("total", "instant"):
        places[f"energies.Fuel.consumption.{name}"] = f"{_ENERGY['Fuel']}.extension.fuel.consumptions.{name}"
    electric = f"{_ENERGY['Electric']}.extension.electric"
    for name in ("load.capacity", "load.residual", "health.capacity", "health.resistance"):
        places[f"energies.Electric.battery.{name}"] = f"{electric}.battery.{name}"
    for name in _CHARGING:
        places[f"energies.Electric.charging.{name}"] = f"{electric}.charging.{name}"
    for engine in ENGINES:
        places[f"engines.{engine}.speed"] = f"engines[type={engine}].speed"
    for name in ("coolant.level", "coolant.temp", "oil.level", "oil.temp", "air.temp"):
        places[f"engines.Thermic.{name}"] = f"engines[type=Thermic].extension.thermic.{name}"
    for opening in OPENINGS:
        places[f"doorsState.opening.{opening}"] = f"doorsState.opening[identifier={opening}].state"
    for key in ("doorsState.locked", *LOCKED_STATES):
        places[key] = "doorsState.lockedStates[]"
    for seat in ("Driver", "Passenger"):
        places[f"safety.belt.{seat}"] = f"safety.beltStatus[id={seat}].belt"
    places["safety.autoECallTriggering"] = "safety.autoECallTriggering"
    for light in ("turn", "fog"):
        for position in ("Front", "Rear"):
            for direction in ("Left", "Right"):
                element = f"{light}[direction={direction},position={position}]"
                places[f"lightingSystem.{light}.{position}.{direction}"] = f"lightingSystem.{element}.status"
    for key in DATA:
        if key.startswith("adas."):
            places[key] = f"{key}[]" if "parkAssist" in key else key
    return places


PLACES: Mapping[str, str] = MappingProxyType(_places())

ONLY_IF: Mapping[str, tuple[str, Value]] = MappingProxyType({"wipingBlades.speed": ("wipingBlades.active", True)})
"""Data that are published only while another has a certain value."""

D = TypeVar("D", bound=Document)
_STEP = re.compile(r"(\w+)(?:\[([^\]]*)\])?")
_ADD = "[]"
_STAMP = "created_at"


@dataclass(frozen=True, slots=True)
class _Slot:
    """A block that is made when its first datum comes."""

    parent: int
    """Index of the block that it hangs in; 0 is the document."""
    attribute: str
    listed: bool
    make: Callable[[], Document]


@dataclass(frozen=True, slots=True)
class _Leaf:
    key: str
    slot: int
    attribute: str
    added: bool
    """Whether the attribute is a list that takes the value."""
    convert: Callable[[Value], object] | None
    only_if: tuple[str, Value] | None
    stamped: tuple[int, ...]
    """The slots whose `createdAt` this datum bears on."""


@dataclass(slots=True)
class _Compilation:
    slots: list[_Slot] = field(default_factory=list)
    types: list[type[Document]] = field(default_factory=list)
    by_path: dict[str, int] = field(default_factory=dict)
    leaves: list[_Leaf] = field(default_factory=list)


class Renderer(Generic[D]):
    """Fills documents of one type with data."""

    def __init__(self, document: type[D], places: Mapping[str, str]) -> None:
        compiled = _Compilation([_Slot(0, "", False, document)], [document], {"": 0})
        for key, path in places.items():
            _compile(compiled, key, path)
        self._slots = tuple(compiled.slots)
        self._leaves = tuple(compiled.leaves)
        self._of_kinds: dict[frozenset[str], tuple[_Leaf, ...]] = {}

    def fill(self, document: D, known: Mapping[str, Known], kinds: frozenset[str] | None = None) -> None:
        """Puts every datum into its place; those of some telemetry kinds only, if `kinds` are given."""
        blocks: list[Document | None] = [None] * len(self._slots)
        blocks[0] = document
        oldest: dict[int, int] = {}
        for leaf in self._leaves if kinds is None else self._select(kinds):
            datum = known.get(leaf.key)
            if datum is None or not _admitted(leaf, known):
                continue
            value = datum.value if leaf.convert is None else leaf.convert(datum.value)
            if value is None:
                continue
            block = blocks[leaf.slot] or self._make(blocks, leaf.slot)
            if leaf.added:
                _add(block, leaf.attribute, value)
            else:
                setattr(block, leaf.attribute, value)
            at_ms = datum.at_ms
            for slot in leaf.stamped:
                if at_ms < oldest.get(slot, at_ms + 1):
                    oldest[slot] = at_ms
        for slot, at_ms in oldest.items():
            setattr(blocks[slot], _STAMP, rfc3339(at_ms))

    def _select(self, kinds: frozenset[str]) -> tuple[_Leaf, ...]:
        if kinds not in self._of_kinds:
            self._of_kinds[kinds] = tuple(leaf for leaf in self._leaves if DATA[leaf.key].telemetry in kinds)
        return self._of_kinds[kinds]

    def _make(self, blocks: list[Document | None], index: int) -> Document:
        slot = self._slots[index]
        parent = blocks[slot.parent] or self._make(blocks, slot.parent)
        block = slot.make()
        if slot.listed:
            _add(parent, slot.attribute, block)
        else:
            setattr(parent, slot.attribute, block)
        blocks[index] = block
        return block


def _admitted(leaf: _Leaf, known: Mapping[str, Known]) -> bool:
    if leaf.only_if is None:
        return True
    other = known.get(leaf.only_if[0])
    return other is not None and other.value == leaf.only_if[1]


def _add(block: Document, attribute: str, value: object) -> None:
    present = getattr(block, attribute)
    if present is UNSET:
        setattr(block, attribute, [value])
    elif value not in present:
        present.append(value)


def _compile(compiled: _Compilation, key: str, path: str) -> None:
    *containers, last = re.findall(r"\w+(?:\[[^\]]*\])?", path)
    slot = 0
    stamped: list[int] = []
    walked = ""
    for step in containers:
        walked = f"{walked}.{step}"
        slot = compiled.by_path.get(walked) or _new_slot(compiled, slot, walked, step)
        if _STAMP in compiled.types[slot].__struct_fields__:
            stamped.append(slot)
    name = last.removesuffix(_ADD)
    attribute, _ = _field(compiled.types[slot], name, key)
    leaf = _Leaf(key, slot, attribute, last.endswith(_ADD), _conversion(key), ONLY_IF.get(key), tuple(stamped))
    compiled.leaves.append(leaf)


def _new_slot(compiled: _Compilation, parent: int, path: str, step: str) -> int:
    found = _STEP.fullmatch(step)
    if found is None:
        raise ValueError(f"a place cannot be read: {path}")
    attribute, hint = _field(compiled.types[parent], found[1], path)
    kind = _block_type(hint, path)
    fixed: dict[str, str] = {}
    for condition in filter(None, (found[2] or "").split(",")):
        name, _, value = condition.partition("=")
        fixed[_field(kind, name, path)[0]] = value
    required = {item.name for item in msgspec.structs.fields(kind) if item.required} - fixed.keys()
    # What else a block requires, its time among it, is set before anyone sees it.
    fixed.update(dict.fromkeys(required, ""))
    compiled.slots.append(_Slot(parent, attribute, found[2] is not None, partial(kind, **fixed)))
    compiled.types.append(kind)
    compiled.by_path[path] = len(compiled.slots) - 1
    return len(compiled.slots) - 1


def _field(kind: type[Document], published: str, place: str) -> tuple[str, Any]:
    """The attribute and type of a field by its published name."""
    for item in msgspec.structs.fields(kind):
        if item.encode_name == published:
            return item.name, get_type_hints(kind)[item.name]
    raise ValueError(f"{kind.__name__} has no field '{published}' for the place {place}")


def _block_type(hint: object, place: str) -> type[Document]:
    """The block's type in `Block | UnsetType` and `list[Block] | UnsetType`."""
    for option in get_args(hint) or (hint,):
        inner = get_args(option)[0] if get_origin(option) is list else option
        if isinstance(inner, type) and issubclass(inner, Document):
            return inner
    raise ValueError(f"no block stands at {place}")


def _conversion(key: str) -> Callable[[Value], object] | None:
    """How a datum's value is published, where not as it is; None from it: not at all."""
    if key in LOCKED_STATES:
        unlocked, locked = LOCKED_STATES[key]
        return lambda value: locked if value else unlocked
    if DATA[key].kind is Kind.DURATION:
        return lambda value: iso_duration(int(value))
    return None


def below_vehicle(places: Mapping[str, str], outside: Sequence[str], absent: Sequence[str]) -> dict[str, str]:
    """The places of a telemetry message: blocks below `vehicle`, but those `outside` of it; without those `absent`."""
    return {
        key: path if path.startswith(tuple(outside)) else f"vehicle.{path}"
        for key, path in places.items()
        if not path.startswith(tuple(absent))
    }
