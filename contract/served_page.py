"""The page `docs/served.md`: what vehicles of each shipped model serve, and why not the rest.

python -m contract.served_page          writes it (also: make served)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from contract.alert_types import ALERT_TYPES
from contract.profile.profile import Profile, load_profile
from contract.published import PUBLISHED
from contract.served import Served, alerts_of, grouped, served_by
from contract.shipped import PROFILES

PAGE = Path(__file__).resolve().parent.parent / "docs" / "served.md"

_INTRODUCTION = """\
# What the shipped profiles serve

Written by `make served` from the profiles in `config/vehicles`; a test compares it with them.
`canlift-agent check --model <name>` says the same of any profile, with `--all` datum by datum.

The 139 data are those of the published catalogue (version 2.4.1), in its order and spelling. *said*: the vehicle says
it, and a profile maps it; *record*: the bridge makes it of what the vehicle says (trips, alerts, collisions, alarms);
*administration*: given when a vehicle is registered; *not offered*: no vehicle can serve it here. What a vehicle of a
model really says also depends on its equipment: what it lacks is absent.
"""


def page(profiles: Sequence[Profile]) -> str:
    data = {profile.model: served_by(profile) for profile in profiles}
    lines = [_INTRODUCTION]
    lines.append(_row("datum", "how", *(f"`{model}`" for model in data)))
    lines.append(_row(*["---"] * (2 + len(data))))
    for number, datum in enumerate(PUBLISHED):
        cells = ("yes" if served[number].served else "–" for served in data.values())
        lines.append(_row(datum.name, datum.source, *cells))
    lines.append(_row("**served**", "", *(str(sum(datum.served for datum in served)) for served in data.values())))
    for profile in profiles:
        lines += _model(profile, data[profile.model])
    return "\n".join(lines) + "\n"


def _model(profile: Profile, data: Sequence[Served]) -> Iterator[str]:
    yield f"\n## {profile.label} (`{profile.model}`)\n"
    yield f"{sum(datum.served for datum in data)} of {len(PUBLISHED)} data are served. Not served, and why:\n"
    for why, names in grouped(data):
        yield f"* {why}: {', '.join(names)}"
    alerts = alerts_of(profile)
    served = [alert.name for alert in alerts if alert.served]
    if served:
        yield f"\n{len(served)} of the {len(ALERT_TYPES)} types of alert are served: {', '.join(served)}.\n"
        yield "Not served, and why:\n"
        for why, names in grouped(alerts):
            yield f"* {why}: {', '.join(names)}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def shipped() -> list[Profile]:
    return [load_profile(file) for file in sorted(PROFILES.glob("*.toml"))]


if __name__ == "__main__":
    PAGE.write_text(page(shipped()), encoding="utf-8")
