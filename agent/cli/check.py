"""`canlift-agent check`: what a profile makes of a vehicle, before anything runs.

It compiles the profile as the agent does and shows the plan: what healing did to the databases, which ids two of them
claim, which frames of which bus are wanted, each signal with its cadence and when it counts, what privacy keeps back,
what each action transmits,
which of the published data vehicles of the model will serve and why not the others, and what a month of it weighs.
Anything wrong is shown with file and line, and the exit status is 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.asking.share import share_of
from agent.cli import terminal
from agent.cli.actions_shown import print_actions
from agent.cli.estimate import estimate
from agent.cli.served import print_served
from agent.plan.compiling import compile_plan
from agent.plan.compiling_events import event_names
from agent.plan.events import Recording
from agent.plan.plan import Plan, PlannedGroup, PlannedMessage, PlannedSignal
from agent.plan.values import UNLIMITED
from agent.profiles import UnknownModelError, find_profile
from agent.settings.agent import load_settings
from contract.configuration import ConfigurationError, Duration, Span, nearest
from contract.manifest import Signal
from contract.profile.devices import RECEIVER
from contract.profile.events import CRASH
from contract.steps import is_served
from contract.upload import Privacy


def check(file: Path, console: Console, *, whole: bool = False) -> int:
    """Prints the plan of the profile in `file`, the published data one by one if `whole`; 0, or 1 where something is
    wrong with it."""
    try:
        plan = compile_plan(file)
    except ConfigurationError as wrong:
        return _refuse(wrong, console)
    console.print(Text(f"{plan.profile.label} ({plan.profile.model})", "bold"))
    _print_databases(plan, console)
    _print_claims(plan, console)
    for bus, settings in plan.profile.buses.items():
        if settings.valid_when is not None:
            console.print(Text(f"{bus} counts while {settings.valid_when.text}"), soft_wrap=True)
    console.print(_messages(plan))
    console.print(_signals(plan))
    if plan.profile.ask:
        console.print(_asked(plan))
    print_actions(plan, console)
    console.print(_events(plan))
    console.print(_privacy(plan))
    print_served(plan.profile, console, whole=whole)
    console.print(Text(str(estimate(plan))))
    return 0


def main(arguments: Sequence[str]) -> int:
    """The command: 0, or 1 where anything is wrong."""
    parser = argparse.ArgumentParser(
        prog="canlift-agent check", description="Says what a profile collects, which data it serves and what it weighs."
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", help="the vehicle profile: its file, or its name in config/vehicles")
    which.add_argument("--config", type=Path, help="the agent's settings: they and the profile they name are checked")
    parser.add_argument(
        "--all", action="store_true", help="the published data and alerts one by one, with their signals"
    )
    options = parser.parse_args(arguments)
    console = terminal.console()
    if options.model is not None:
        try:
            return check(find_profile(options.model), console, whole=options.all)
        except UnknownModelError as wrong:
            console.print(Text(str(wrong), "red"), soft_wrap=True)
            return 1
    try:
        settings = load_settings(options.config)
        if settings.profile is None:
            console.print(Text(f"{options.config}: no profile is named: give `profile`, the file of one", "red"))
            return 1
        plan = compile_plan(settings.profile)
    except ConfigurationError as wrong:
        return _refuse(wrong, console)
    status = check(settings.profile, console, whole=options.all)
    for name in sorted(set(settings.events.off) - event_names(plan)):
        hint = nearest(name, event_names(plan))
        console.print(Text(f"{options.config}: events.off: the profile has no event {name}{hint}", "red"))
        status = 1
    for bus in sorted(settings.buses.keys() - set(plan.buses)):
        known = ", ".join(plan.buses)
        console.print(Text(f"{options.config}: buses.{bus}: the profile has no such bus; it has {known}", "red"))
        status = 1
    if (problem := settings.power.supply_problem(plan.profile.power.supply)) is not None:
        console.print(Text(f"{options.config}: {problem}", "red"), soft_wrap=True)
        status = 1
    if settings.remote.enabled:
        for name in settings.remote.allow:
            if not is_served(name, plan.profile.actions):
                text = f"{options.config}: remote.allow: the profile has no [actions] for {name}: it is refused"
                console.print(Text(text, "yellow"), soft_wrap=True)
    for bus in sorted(set(plan.buses) - settings.buses.keys()):
        console.print(Text(f"{options.config}: no interface is given for the profile's bus {bus}", "yellow"))
    return status


def _refuse(wrong: ConfigurationError, console: Console) -> int:
    for problem in wrong.problems:
        console.print(str(problem), style="red", markup=False, highlight=False, soft_wrap=True)
    return 1


def _print_databases(plan: Plan, console: Console) -> None:
    for path, findings in plan.findings.items():
        if not findings:
            console.print(Text(f"{path.name}: clean"))
        for finding in findings:
            console.print(str(finding), style="yellow", markup=False, highlight=False, soft_wrap=True)


def _print_claims(plan: Plan, console: Console) -> None:
    for message in plan.messages:
        if message.claims:
            own, *others = map(str, message.claims)
            text = f"{message.bus}: id {_ident(message)} is {own} and {', '.join(others)}: it is read as {message.name}"
            console.print(Text(f"{text}, and each of its frames is counted (collision)", "yellow"), soft_wrap=True)


def _ident(message: PlannedMessage) -> str:
    return f"{message.id:0{8 if message.extended else 3}X}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")  # What is named must be readable whole, on a narrow terminal too.
    return table


def _row(table: Table, *cells: str, style: str = "") -> None:
    # As texts: rich would take brackets in a string for its own marks.
    table.add_row(*(Text(cell) for cell in cells), style=style)


def _messages(plan: Plan) -> Table:
    table = _table("Frames wanted", "bus", "id", "message", "cycle", "bytes", "how")
    for message in sorted(plan.messages, key=lambda each: (each.bus, each.id)):
        if message.bus not in plan.buses:
            continue
        how = [
            text
            for text, applies in (
                ("each frame" if message.eager else "the newest", True),
                ("checksum", message.checksum is not None),
                ("counter", message.counter is not None),
                ("multiplexed", message.multiplexed),
                ("gives the time", message.clock),
            )
            if applies
        ]
        cycle = str(Duration(message.cycle_ms)) if message.cycle_ms else "as seen"
        _row(table, message.bus, _ident(message), message.name, cycle, str(message.needed_bytes), ", ".join(how))
    return table


def _signals(plan: Plan) -> Table:
    table = _table("Signals", "signal", "unit", "cadence", "counts")
    sent = [signal for group in plan.manifest.groups for signal in group.signals]
    for group in plan.groups:
        for number in group.signals:
            counts = "; ".join(_counts_when(plan, plan.signals[number], sent[number]))
            _row(table, sent[number].name, sent[number].unit, _cadence(group, plan), counts or "always")
    for signal in plan.signals[len(sent) :]:
        _row(table, signal.name, "", "not sent", "read by conditions or the clock")
    return table


def _cadence(group: PlannedGroup, plan: Plan) -> str:
    every = Duration(group.interval_ms)
    if group.on_change:
        return f"on change, again every {every}"
    return f"every {every}" if group.follows is None else f"every {every}, with {plan.signals[group.follows].name}"


def _counts_when(plan: Plan, signal: PlannedSignal, sent: Signal) -> Iterator[str]:
    """What applies to this signal; conditions of its bus are shown with the bus."""
    message = plan.messages[signal.message]
    if message.bus == RECEIVER:
        yield "with a fix"
    if signal.invalid:
        yield "not raw " + ", ".join(map(str, sorted(signal.invalid)))
    low, high = (
        f"{raw * sent.scale + sent.offset:.10g}" if abs(raw) < UNLIMITED else "" for raw in (signal.low, signal.high)
    )
    if sent.scale < 0:
        low, high = high, low
    if low and high:
        yield f"{low} to {high}"
    elif low or high:
        yield f"at least {low}" if low else f"at most {high}"
    bus = plan.profile.buses.get(message.bus)
    for condition in signal.conditions:
        if bus is None or plan.conditions[condition] != bus.valid_when:
            yield plan.conditions[condition].text


def _asked(plan: Plan) -> Table:
    table = _table("Asked, where agent.toml allows it", "of", "on", "what", "of the bus")
    for name, ask in plan.profile.ask.items():
        on = "; else ".join(f"{request:03X}, {answer:03X}" for request, answer in ask.addresses)
        tables = (ask.pids, ask.dids, ask.lids)
        what = [f"{number} every {every}" for table in tables for number, every in table.items()]
        what += [f"VIN ({ask.vin}) once"] * (ask.vin is not None)
        what += [f"trouble codes ({ask.faults}) every {ask.faults_every}"] * (ask.faults is not None)
        _row(table, name, f"{ask.bus_of(plan.buses)} {on}", ", ".join(what), f"{share_of(ask):.2%}")
    return table


def _events(plan: Plan) -> Table:
    table = _table("Events, uploaded at once", "event", "when", "at full rate")
    for event in plan.events:
        lasting = f" for {Duration(event.lasting_ms)}" if event.lasting_ms else ""
        _row(table, event.name, f"{event.text}: {event.on}{lasting}", _recorded(plan, event.recording))
    crash = plan.crash
    if crash is not None:
        felt = ", ".join(plan.signals[number].name for number, _ in crash.acceleration)
        witnesses = {
            "its message": crash.message is not None,
            f"{crash.velocity_change_kmh:g} km/h in {crash.within_ms} ms by {felt}": bool(crash.acceleration),
            "a drop of the speed": crash.speed is not None,
        }
        _row(
            table,
            CRASH,
            ", ".join(name for name, there in witnesses.items() if there),
            _recorded(plan, crash.recording),
        )
    return table


def _recorded(plan: Plan, recording: Recording) -> str:
    if not recording.before_ms and not recording.after_ms:
        return ""
    names = ", ".join(plan.signals[number].name for number in recording.signals)
    return f"{Span(recording.before_ms)} before, {Span(recording.after_ms)} after: {names}"


def _privacy(plan: Plan) -> Table:
    """Of the states that keep something back (`agent.privacy.enforcing`)."""
    table = _table("Privacy", "state", "said by the vehicle", "keeps back")
    rules = plan.privacy
    sent = [signal.name for group in plan.manifest.groups for signal in group.signals]
    telling = [name for name in sent if name in rules.positional]
    telling += [f"event {name}" for name in sorted(rules.events)]
    kept_back = {Privacy.GEOLOCATION: ", ".join(telling) or "nothing: no signal tells the place"}
    for state in (Privacy.GEOLOCATION, Privacy.FULL):
        words = [f"{rules.source} == {value!r}" for value, word in rules.words.items() if word is state]
        _row(table, state.value, ", ".join(words) or "never", kept_back.get(state, "everything"))
    return table
