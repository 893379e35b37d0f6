"""The unifier: uploads of one model and manifest become samples of the published data.

A profile says how each datum comes from signals; a manifest says which signals an upload carries, and how. Both are
compiled once into converters per column. A datum whose signals the manifest lacks (an agent with an older profile) or
cannot give (a unit that does not convert) is absent, with the reason in `Unifier.absent`.

When a datum is sampled:

* From one signal: whenever the signal is, in a grid or by a change. On-change signals come as changes and as
  restatements in one-row grids; both are samples. Of the same instant a change outweighs a grid, a later change an
  earlier one.
* From an expression: at each instant at which one of its signals is sampled, if the others are known then: a signal of
  a regular grid at that very instant, an on-change signal since it was last said in the same upload. Nothing is carried
  from one upload to the next.
* An alert is on while its signal has one of the profile's values, and off while it has any other.

Absent stays absent. A value that is not in its table is left out; a number outside the limits (`contract.limits`) that
is no name of its signal either is left out and counted. A position of an instant whose fix is neither 2D nor 3D is no
position, and left out whole.
"""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import NamedTuple

from cloud_bridge.unify.columns import Columns, instants
from cloud_bridge.unify.formulas import Formula, Formulas
from cloud_bridge.unify.sample import Sample, Value
from contract import conversion
from contract.catalog import DATA, Datum, Kind
from contract.conversion import Convert
from contract.manifest import Manifest
from contract.profile.data import Lamp, Mapping
from contract.profile.profile import Profile
from contract.upload import Upload

_FIX = "position.fix"
_POSITION = "position."


class Absent(NamedTuple):
    """A datum of the profile that uploads of the manifest cannot give."""

    datum: str
    reason: str


class _Source(NamedTuple):
    """A datum made of one signal."""

    datum: str
    convert: Convert
    named: frozenset[int] | None
    """For a number: raw values that are none. None: the datum is no number."""


class Unifier:
    """Compiled from one manifest and the profile of the model. `absent` says what it does not give."""

    def __init__(self, manifest: Manifest, profile: Profile) -> None:
        self.absent: list[Absent] = []
        self._columns = Columns(manifest)
        self._sources: list[list[_Source]] = [[] for _ in self._columns.signals]
        formulas: list[Formula] = []
        mappings: dict[str, Mapping | Lamp] = {**profile.data}
        mappings.update({f"alert.{alert}": lamp for alert, lamp in profile.alerts.items()})
        for key, mapping in mappings.items():
            try:
                self._compile(DATA[key], mapping, formulas)
            except conversion.AbsentError as reason:
                self.absent.append(Absent(key, str(reason)))
        self._formulas = Formulas(self._columns, formulas)

    def _compile(self, datum: Datum, mapping: Mapping | Lamp, formulas: list[Formula]) -> None:
        numbers = [self._columns.number(name) for name in mapping.names]
        if not numbers:
            raise conversion.AbsentError("it is made of no signal")
        if mapping.expression is not None:
            formulas.append(Formula(datum.key, mapping.expression, conversion.of_expression(datum, mapping)))
        else:
            signal = self._columns.signals[numbers[0]]
            named = None if datum.kind in (Kind.ENUM, Kind.BOOLEAN) else frozenset(signal.choices)
            source = _Source(datum.key, conversion.of_signal(datum, mapping, signal), named)
            self._sources[numbers[0]].append(source)

    def unify(self, upload: Upload, outside: Counter[str] | None = None) -> list[Sample]:
        """The samples of an upload of this manifest, by time (of the boot's clock), then datum; one of each. `outside`:
        counts the numbers left out because they are outside their limits, by datum."""
        said: dict[tuple[int, str], Value] = {}
        left_out: list[tuple[int, str]] = []
        counted: Counter[str] = Counter() if outside is None else outside
        for grid in upload.grids:
            interval_ms, numbers = self._columns.of(grid)
            for number, column in zip(numbers, grid.columns, strict=True):
                for datum, convert, named in self._sources[number]:
                    for at_ms, raw in instants(column, grid.start_ms, interval_ms):
                        value = convert(raw)
                        if value is not None:
                            said[at_ms, datum] = value
                            continue
                        left_out.append((at_ms, datum))
                        counted[datum] += named is not None and raw not in named
        for change in upload.changes:
            for datum, convert, named in self._sources[change.signal]:
                said.pop((change.at_ms, datum), None)
                value = None if change.raw is None else convert(change.raw)
                if value is not None:
                    said[change.at_ms, datum] = value
                elif change.raw is not None:
                    left_out.append((change.at_ms, datum))
                    counted[datum] += named is not None and change.raw not in named
        for at_ms, datum, value in self._formulas.evaluate(upload):
            if value is None:
                left_out.append((at_ms, datum))
                counted[datum] += DATA[datum].kind not in (Kind.ENUM, Kind.BOOLEAN)
            else:
                said[at_ms, datum] = value
        _leave_out(said, left_out)
        return [Sample(at_ms, datum, value) for (at_ms, datum), value in sorted(said.items(), key=itemgetter(0))]


def _leave_out(said: dict[tuple[int, str], Value], left_out: list[tuple[int, str]]) -> None:
    """A position of which the fix was left out is none."""
    for unfixed_ms in {at_ms for at_ms, datum in left_out if datum == _FIX and (at_ms, _FIX) not in said}:
        for key in [key for key in said if key[0] == unfixed_ms and key[1].startswith(_POSITION)]:
            del said[key]
