"""What `canlift-agent check` shows of actions: what is transmitted for each, and what has to hold before and after."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.databases.layouts import SignalLayout
from agent.plan.actions import PlannedAction, PlannedFrame, PlannedRemote
from agent.plan.plan import Plan
from contract.configuration import Duration


def print_actions(plan: Plan, console: Console) -> None:
    """Nothing where the profile has none."""
    remote = plan.remote
    if remote is None:
        return
    table = Table(title="Actions, where agent.toml allows them", title_justify="left", title_style="bold")
    for column in ("action", "transmits", "only if", "done when"):
        table.add_column(column, overflow="fold")
    for name, action in remote.actions.items():
        texts = (name, "; ".join(_transmits(action)), "; ".join(_only_if(action, remote)), _done(action))
        table.add_row(*map(Text, texts))
    console.print(table)
    if remote.speed is None:
        text = "The profile has no speed: nobody knows whether the vehicle moves, and actions are done all the same"
        console.print(Text(text, "yellow"), soft_wrap=True)


def _transmits(action: PlannedAction) -> Iterator[str]:
    for frame in action.frames:
        times = f" {frame.count} times, every {Duration(frame.every_ms)}" if frame.count > 1 else ""
        yield f"{frame.bus} {frame.id:0{8 if frame.extended else 3}X} {_said(frame)}{times}"
    requests = action.requests
    if requests is not None:
        to = f"{requests.bus} {requests.address.request:03X}, {requests.address.answer:03X}"
        for request in requests.requests:
            said = [
                f"{token.number:02X}" if token.argument is None else f"<{token.argument}, {token.size} bytes>"
                for token in request
            ]
            yield f"{to}: {' '.join(said)}"


def _said(frame: PlannedFrame) -> str:
    if frame.base is not None and not (frame.set or frame.counter or frame.fill):
        return frame.base.hex(" ").upper()
    parts = [f"{signal.name} = {_value(signal, value)}" for signal, value in frame.set]
    if frame.base is None:
        parts.append("the rest as heard")
    if frame.counter is not None:
        parts.append(f"counter {frame.counter.name}")
    if frame.fill is not None:
        parts.append("checksum")
    return f"{frame.name}: {', '.join(parts)}"


def _value(signal: SignalLayout, value: int | str) -> str:
    """Raw, by its name if it has one; or the argument."""
    return f"<{value}>" if isinstance(value, str) else signal.choices.get(value, f"raw {value}")


def _only_if(action: PlannedAction, remote: PlannedRemote) -> Iterator[str]:
    if remote.speed is not None:
        yield "it stands"
    for cause, expression in action.requires:
        yield f"{expression.text} ({cause.value})"
    for cause, expression in action.unless:
        yield f"not {expression.text} ({cause.value})"


def _done(action: PlannedAction) -> str:
    if action.proof is None:
        return "it was answered" if action.requests is not None else "it was transmitted"
    return f"{action.proof.text}, within {Duration(action.within_ms)}"
