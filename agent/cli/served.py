"""What `canlift-agent check` shows of the published data: which ones a model serves, and why not the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from contract.profile.profile import Profile
from contract.served import Served, alerts_of, grouped, served_by

_NAMED = 3


def print_served(profile: Profile, console: Console, *, whole: bool) -> None:
    """Shortly: names by what keeps them absent. `whole`: each of the 139 data, and each of the 104 types of alert, with
    the signals that it comes from."""
    data, alerts = served_by(profile), alerts_of(profile)
    for title, found in (("Published data", data), ("Types of alert", alerts)):
        console.print(Text(f"{title}: {sum(one.served for one in found)} of {len(found)} served", "bold"))
        if whole:
            console.print(_table(found))
        elif any(one.served for one in found):
            for line in _short(found):
                console.print(line)


def _short(found: Sequence[Served]) -> Iterator[RenderableType]:
    yield Text(", ".join(one.name for one in found if one.served))
    for why, names in grouped(found):
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield Text(f"not served: {why}: {', '.join(names[:_NAMED])}{more}", "dim")


def _table(found: Sequence[Served]) -> Table:
    table = Table()
    for column in ("name", "served", "from, or why not"):
        table.add_column(column, overflow="fold")
    for one in found:
        # As texts: rich would take brackets in a string for its own marks.
        cells = (one.name, "yes" if one.served else "no", one.why)
        table.add_row(*(Text(cell) for cell in cells), style="" if one.served else "dim")
    return table
