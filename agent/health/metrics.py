"""A snapshot as Prometheus reads it: text exposition format 0.0.4.

    canlift_<section>_<field>[_<unit>][_total]{bus="can0"} value

A `Count` is a counter and ends with `_total`, any other number a gauge; durations are in seconds. A bool is 0 or 1. A
text is a label of an `_info` that is 1; what is unknown is left out. A map of numbers has a label `name`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from agent.health.snapshot import Health

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_UNITS = {"_s": ("_seconds", 1.0), "_ms": ("_seconds", 1e-3), "_v": ("_volts", 1.0)}
_IDENTITY = ("version", "vin", "model", "boot")
_BESIDE = frozenset((*_IDENTITY, "format", "pid", "buses"))


class _Metric(NamedTuple):
    name: str
    kind: str
    help: str
    factor: float


def exposition(health: Health) -> str:
    lines: dict[str, list[str]] = {}
    heads: dict[str, _Metric] = {}
    for metric, labels, value in _values(health):
        heads.setdefault(metric.name, metric)
        lines.setdefault(metric.name, []).append(f"{metric.name}{_labels(labels)} {value:.15g}")
    parts = []
    for name, metric in heads.items():
        if metric.help:
            parts.append(f"# HELP {name} {metric.help}")
        parts += [f"# TYPE {name} {metric.kind}", *lines[name]]
    return "\n".join(parts) + "\n"


def _values(health: Health) -> Iterator[tuple[_Metric, dict[str, str], float]]:
    identity = {name: str(getattr(health, name)) for name in _IDENTITY}
    yield _Metric("canlift_info", "gauge", "which agent and vehicle it is", 1), identity, 1
    for field in Health.__struct_fields__:
        if field in _BESIDE:
            continue
        value = getattr(health, field)
        if isinstance(value, msgspec.Struct):
            yield from _section(f"canlift_{field}", value, {})
        else:
            yield from _field("canlift", field, _hints(Health)[field], value, {})
    for name, bus in health.buses.items():
        yield from _section("canlift_bus", bus, {"bus": name})


def _section(prefix: str, section: msgspec.Struct, labels: dict[str, str]) -> Iterator[Any]:
    hints = _hints(type(section))
    for field in section.__struct_fields__:
        yield from _field(prefix, field, hints[field], getattr(section, field), labels)


def _field(
    prefix: str, field: str, hint: Any, value: object, labels: dict[str, str]
) -> Iterator[tuple[_Metric, dict[str, str], float]]:
    metric = _metric(prefix, field, hint)
    if isinstance(value, bool | int | float):
        yield metric, labels, value * metric.factor
    elif isinstance(value, str):
        yield metric._replace(name=f"{metric.name}_info"), labels | {field: value}, 1
    elif isinstance(value, dict):
        for name, number in value.items():
            yield metric, labels | {"name": str(name)}, number * metric.factor


def _metric(prefix: str, field: str, hint: Any) -> _Metric:
    extras = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    is_count = any(isinstance(extra, msgspec.Meta) and (extra.extra or {}).get("counter") for extra in extras)
    described = next((extra for extra in extras if isinstance(extra, str)), "")
    stem, factor = field, 1.0
    for ending, (unit, unit_factor) in _UNITS.items():
        if field.endswith(ending):
            stem, factor = field.removesuffix(ending) + unit, unit_factor
    name = f"{prefix}_{stem}{'_total' if is_count else ''}"
    return _Metric(name, "counter" if is_count else "gauge", described, factor)


def _hints(section: type) -> dict[str, Any]:
    return get_type_hints(section, include_extras=True)


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
