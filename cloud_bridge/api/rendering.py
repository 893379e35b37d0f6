"""Puts data into their published places.

`PLACES` says where each datum of the catalog stands in a document. An element of a list is named by what identifies it
(`engines[type=Thermic]`), and a path that ends in `[]` adds the value to a list. The table is compiled against a
document's type when the module is loaded (a place that the type does not have is an error then), once for the status
and once for telemetry, where most blocks lie below `vehicle`.

A block with a `createdAt` carries the newest collection time of its members, nested blocks included: a vehicle says a
change at once and restates the rest regularly, so at that time all of them were as shown. A member that was last said
`TOGETHER_MS` or more before is left out, because the block's time would misdate it. Data that no place takes
(`position.*`, `alert.*`) are passed over: other documents show them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from cloud_bridge.api.documents import Document
from cloud_bridge.api.programs import TOGETHER, charging_places, conditioning_places
from cloud_bridge.records.model import Json, Known, Value
from cloud_bridge.shapes.times import iso_duration, rfc3339
from contract.catalog import DATA, ENERGIES, ENGINES, LOCKED_STATES, OPENINGS, Kind

_ENERGY = {
    "Fuel": "energies[type=Fuel,subType=FossilEnergy]",
    "Electric": "energies[type=Electric,subType=ElectricEnergy]",
    "Hydrogen": "energies[type=Fuel,subType=Hydrogen]",
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
    for energy, name in (("Fuel", "total"), ("Fuel", "instant"), ("Hydrogen", "instant")):
        places[f"energies.{energy}.consumption.{name}"] = f"{_ENERGY[energy]}.extension.fuel.consumptions.{name}"
    electric = f"{_ENERGY['Electric']}.extension.electric"
    for name in ("load.capacity", "load.residual", "health.capacity", "health.resistance"):
        places[f"energies.Electric.battery.{name}"] = f"{electric}.battery.{name}"
    for name in _CHARGING:
        places[f"energies.Electric.charging.{name}"] = f"{electric}.charging.{name}"
    places.update(conditioning_places("preconditioning.airConditioning"))
    places.update(charging_places(f"{electric}.charging.schedule"))
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

_STEP = re.compile(r"(\w+)(?:\[([^\]]*)\])?")
_ADD = "[]"
_STAMP = "createdAt"
TOGETHER_MS = 600_000
"""Members of a block that were said within this time are published under one time."""
PLANS = 2048
"""Sets of data of which is kept what becomes of them; some kilobytes each at most."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """A block, or a list, that is made when its first datum comes."""

    parent: int
    """Index of the slot that it hangs in; 0 is the document."""
    name: str
    """Its field there; empty in a list."""
    template: Json | None
    """What a new block holds; None for a list."""


class _Leaf(NamedTuple):
    key: str
    slot: int
    name: str
    """Its field in the slot; empty where it is added to a list."""
    convert: Callable[[Value], Value | None] | None
    only_if: tuple[str, Value] | None
    together: frozenset[str]
    """The data without which it is not published; empty for most."""
    stamped: tuple[int, ...]
    """The slots whose `createdAt` this datum bears on."""


class _Plan(NamedTuple):
    """What becomes of a set of data, whatever they say."""

    leaves: tuple[_Leaf, ...]
    """In the table's order, whatever order the data came in."""
    is_conditional: bool
    """Some are published only if another has a certain value."""
    is_stamped: bool
    """Some bear on a `createdAt`."""


@dataclass(slots=True)
class _Compilation:
    slots: list[_Slot]
    types: list[type[Document]]
    """The type of each slot's block, or of its list's elements."""
    by_path: dict[str, int]
    leaves: list[_Leaf] = field(default_factory=list)


class Renderer:
    """Fills documents of one type with data."""

    def __init__(self, document: type[Document], places: Mapping[str, str]) -> None:
        compiled = _Compilation([_Slot(0, "", {})], [document], {"": 0})
        for key, path in places.items():
            _compile(compiled, key, path)
        self._slots = tuple(compiled.slots)
        self._leaves = tuple(compiled.leaves)
        self._all = {leaf.key: index for index, leaf in enumerate(self._leaves)}
        # A vehicle says the same data again and again: what becomes of them is found out once.
        self._plan = lru_cache(PLANS)(self._make_plan)

    def fill(self, document: Json, known: Mapping[str, Known], kinds: frozenset[str] | None = None) -> None:
        """Puts every datum into its place; those of some telemetry kinds only, if `kinds` are given."""
        # Plain objects and indexes: this is what an answer spends its time on.
        blocks: list[Any] = [None] * len(self._slots)
        blocks[0] = document
        leaves, is_conditional, is_stamped = self._plan(kinds, tuple(known))
        if is_conditional:
            leaves = _complete(tuple([leaf for leaf in leaves if leaf.only_if is None or _holds(leaf.only_if, known)]))
        newest_ms: dict[int, int] = {}
        if is_stamped and _newest(leaves, known, newest_ms):
            leaves = _complete(tuple([leaf for leaf in leaves if not _is_old(leaf, known, newest_ms)]))
        for key, slot, name, convert, _, _, _ in leaves:
            value = known[key].value
            if convert is not None:
                converted = convert(value)
                if converted is None:
                    continue
                value = converted
            block = blocks[slot]
            if block is None:
                block = self._make(blocks, slot, newest_ms)
            if name:
                block[name] = value
            elif value and value not in block:
                block.append(value)

    def _make_plan(self, kinds: frozenset[str] | None, keys: tuple[str, ...]) -> _Plan:
        places = self._all
        chosen = [key for key in keys if key in places and (kinds is None or DATA[key].telemetry in kinds)]
        leaves = tuple([self._leaves[index] for index in sorted([places[key] for key in chosen])])
        is_conditional = any(leaf.only_if is not None for leaf in leaves)
        return _Plan(
            leaves if is_conditional else _complete(leaves), is_conditional, any(leaf.stamped for leaf in leaves)
        )

    def _make(self, blocks: list[Any], index: int, newest_ms: Mapping[int, int]) -> Any:
        slot = self._slots[index]
        parent = blocks[slot.parent]
        if parent is None:
            parent = self._make(blocks, slot.parent, newest_ms)
        block: Any = [] if slot.template is None else slot.template.copy()
        if slot.template is not None and _STAMP in slot.template:
            block[_STAMP] = rfc3339(newest_ms[index])
        if slot.name:
            parent[slot.name] = block
        else:
            parent.append(block)
        blocks[index] = block
        return block


def _complete(leaves: tuple[_Leaf, ...]) -> tuple[_Leaf, ...]:
    """Those that have with them what they are published with."""
    if not any(leaf.together for leaf in leaves):
        return leaves
    keys = {leaf.key for leaf in leaves}
    return tuple([leaf for leaf in leaves if leaf.together <= keys])


def _is_old(leaf: _Leaf, known: Mapping[str, Known], newest_ms: Mapping[int, int]) -> bool:
    """Whether its block's time would misdate it."""
    return bool(leaf.stamped) and newest_ms[leaf.stamped[-1]] - known[leaf.key].at_ms >= TOGETHER_MS


def _newest(leaves: Iterable[_Leaf], known: Mapping[str, Known], newest_ms: dict[int, int]) -> bool:
    """Puts the newest collection time of each block that carries one into `newest_ms`. Whether a datum can be old."""
    times = [known[key].at_ms for key, _, _, _, _, _, _ in leaves]
    for at_ms, (_, _, _, _, _, _, stamped) in zip(times, leaves, strict=True):
        for slot in stamped:
            if at_ms > newest_ms.get(slot, -1):
                newest_ms[slot] = at_ms
    return max(times, default=0) - min(times, default=0) >= TOGETHER_MS


def _holds(condition: tuple[str, Value], known: Mapping[str, Known]) -> bool:
    other = known.get(condition[0])
    return other is not None and other.value == condition[1]


def _compile(compiled: _Compilation, key: str, path: str) -> None:
    *containers, last = re.findall(r"\w+(?:\[[^\]]*\])?", path)
    slot, walked = 0, ""
    stamped: list[int] = []
    for step in containers:
        walked = f"{walked}.{step}"
        slot = compiled.by_path.get(walked) or _new_slot(compiled, slot, walked, step)
        template = compiled.slots[slot].template
        if template is not None and _STAMP in template:
            stamped.append(slot)
    name = last.removesuffix(_ADD)
    _field(compiled.types[slot], name, path)
    if last.endswith(_ADD):
        slot, name = _list_slot(compiled, slot, f"{walked}.{name}", name, compiled.types[slot]), ""
    compiled.leaves.append(
        _Leaf(key, slot, name, _conversion(key), ONLY_IF.get(key), TOGETHER.get(key, frozenset()), tuple(stamped))
    )


def _new_slot(compiled: _Compilation, parent: int, path: str, step: str) -> int:
    """The slot for a block; for an element of a list, the list's too."""
    found = _STEP.fullmatch(step)
    if found is None:
        raise ValueError(f"a place cannot be read: {path}")
    name, conditions = found[1], found[2]
    kind = _block_type(_field(compiled.types[parent], name, path), path)
    fields = {item.encode_name for item in msgspec.structs.fields(kind)}
    template: Json = {_STAMP: ""} if _STAMP in fields else {}
    for condition in filter(None, (conditions or "").split(",")):
        identifier, _, value = condition.partition("=")
        _field(kind, identifier, path)
        template[identifier] = int(value) if value.isdecimal() else value
    if conditions is not None:
        parent, name = _list_slot(compiled, parent, path.rpartition("[")[0], name, kind), ""
    return _add_slot(compiled, _Slot(parent, name, template), kind, path)


def _list_slot(compiled: _Compilation, parent: int, path: str, name: str, kind: type[Document]) -> int:
    return compiled.by_path.get(path) or _add_slot(compiled, _Slot(parent, name, None), kind, path)


def _add_slot(compiled: _Compilation, slot: _Slot, kind: type[Document], path: str) -> int:
    compiled.slots.append(slot)
    compiled.types.append(kind)
    compiled.by_path[path] = len(compiled.slots) - 1
    return len(compiled.slots) - 1


def _field(kind: type[Document], published: str, place: str) -> object:
    """The declared type of a field by its published name."""
    for item in msgspec.structs.fields(kind):
        if item.encode_name == published:
            return get_type_hints(kind)[item.name]
    raise ValueError(f"{kind.__name__} has no field '{published}' for the place {place}")


def _block_type(hint: object, place: str) -> type[Document]:
    """The block's type in `Block | UnsetType` and `list[Block] | UnsetType`."""
    for option in get_args(hint) or (hint,):
        inner = get_args(option)[0] if get_origin(option) is list else option
        if isinstance(inner, type) and issubclass(inner, Document):
            return inner
    raise ValueError(f"no block stands at {place}")


def _conversion(key: str) -> Callable[[Value], Value | None] | None:
    """How a datum's value is published, where not as it is; None from it: not at all; an empty text: its list is known,
    and it is not in it."""
    _, occurs, day = key.partition(".occurence.")
    if occurs:
        return lambda value: day if value else ""
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
