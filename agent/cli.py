"""`canlift-agent`: run | replay | check | journal."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import msgspec
from rich.console import Console
from rich.logging import RichHandler

from agent import check, show
from agent.asking.identity import WrongVehicleError
from agent.bus.interface import InterfaceError
from agent.bus.recording import RecordingError
from agent.journal.inventory import journals_in, take_inventory
from agent.journal.journal import JournalError
from agent.lifting import UplinkEndedError, state_of
from agent.plan.compiling import compile_plan
from agent.plan.compiling_events import event_names, without_events
from agent.plan.plan import Plan
from agent.plan.prepared import FOLDER as PLANS
from agent.plan.prepared import prepared_plan
from agent.profiles import UnknownModelError, find_profile, known_models
from agent.replay import TIMEOUT_S, Ended, Outcome, Replay, replay
from agent.run import run
from agent.settings.agent import Settings, load_settings, vin_problem
from agent.show import ProgressDisplay
from agent.uplink.connection import CredentialsError
from contract.configuration import ConfigurationError, Duration, nearest

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
SETTINGS = Path("/etc/canlift/agent.toml")


class UsageError(Exception):
    """The command cannot be carried out as it was given; the text says what to give instead."""


_FAILURES = (RecordingError, JournalError, CredentialsError, InterfaceError, UplinkEndedError, WrongVehicleError)


def main(arguments: Sequence[str] | None = None) -> int:
    """0: done; 1: it failed, or not every upload is receipted; 2: wrong usage or settings; 130: interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["check"]:  # It has a parser of its own.
        return check.main(words[1:])
    options = _parser().parse_args(words)
    console = Console(stderr=True)
    try:
        status: int = options.command(options)
    except (UsageError, UnknownModelError, ConfigurationError) as wrong:
        _say(console, str(wrong), "red")
        return USAGE
    except _FAILURES as failure:
        _say(console, str(failure), "red")
        return FAILED
    except OSError as failure:
        _say(console, f"{failure.filename}: {failure.strerror}", "red")
        return FAILED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="canlift-agent", description="Lifts what a vehicle says on its CAN buses.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="run | replay | check | journal")
    _run_parser(commands.add_parser("run", help="collect from live buses until stopped"))
    _replay_parser(commands.add_parser("replay", help="play recorded logs as if they were the vehicle"))
    commands.add_parser("check", help="say what a profile collects and which data it serves")
    _journal_parser(commands.add_parser("journal", help="show what is in a journal"))
    return parser


def _run_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=SETTINGS, help=f"the settings (default: {SETTINGS})")
    parser.add_argument("--verbose", action="store_true", help="say everything")
    parser.set_defaults(command=_run)


def _replay_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOG", help="a .log, .asc, .blf, .trc or .mf4; or gzip")
    parser.add_argument("--nmea", type=Path, help="NMEA 0183 sentences recorded beside the buses")
    parser.add_argument("--speed", type=_speed, default=None, help="recorded seconds a second, or max (default)")
    parser.add_argument("--model", help="the vehicle profile: its file, or its name in config/vehicles")
    parser.add_argument("--vin", help="the vehicle's identification number")
    parser.add_argument("--broker", action="append", metavar="HOST:PORT", help="instead of the settings' brokers")
    parser.add_argument("--state", type=Path, help="where journal and manifests are kept")
    parser.add_argument("--config", type=Path, help="the settings; without it all are at their defaults")
    parser.add_argument(
        "--bus",
        action="append",
        default=[],
        type=_mapping,
        metavar="INTERFACE=BUS",
        help="the profile's bus for an interface of the recording",
    )
    parser.add_argument("--cadence", type=_duration, metavar="DURATION", help="an upload each 10s, 1min, …")
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=TIMEOUT_S,
        metavar="SECONDS",
        help="give up when no receipt comes for this long (default: %(default)g)",
    )
    parser.add_argument("--verbose", action="store_true", help="say everything")
    parser.set_defaults(command=_replay)


def _journal_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, nargs="?", help="a journal or a state folder")
    parser.add_argument("--config", type=Path, default=SETTINGS, help="whose state folder to show otherwise")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(command=_journal)


def _run(options: argparse.Namespace) -> int:
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO, format="%(levelname)s %(name)s: %(message)s"
    )
    settings = load_settings(options.config)
    missing = [name for name in ("vin", "profile", "buses") if not getattr(settings, name)]
    if settings.vin is None or settings.profile is None or not settings.buses:
        raise UsageError(f"{options.config}: a live run needs {', '.join(missing)}")
    plan = _with_events(prepared_plan(settings.profile, settings.state / PLANS), settings, options.config)
    unknown = sorted(settings.buses.keys() - set(plan.buses))
    if unknown:
        raise UsageError(
            f"{options.config}: the profile has no bus {', '.join(unknown)}; it has {', '.join(plan.buses)}"
        )
    run(settings.vin, settings, plan, _stop_on_signals())
    return OK


def _replay(options: argparse.Namespace) -> int:
    console = Console(stderr=True)
    level = logging.DEBUG if options.verbose else logging.WARNING
    handler = RichHandler(console=console, show_path=False, show_time=False, markup=False)
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler])
    settings = _replay_settings(options)
    if settings.vin is None:
        raise UsageError("which vehicle is it? give --vin, or vin in the settings")
    if settings.profile is None:
        raise UsageError(f"which model is it? give --model, a file or one of: {', '.join(known_models())}")
    wanted = Replay(
        tuple(options.logs),
        settings.vin,
        settings.profile,
        settings,
        options.nmea,
        options.speed,
        options.timeout,
        dict(options.bus),
    )
    plan = compile_plan(settings.profile, cadence_ms=options.cadence)
    plan = _with_events(plan, settings, options.config)
    unknown = sorted(set(wanted.mapping.values()) - set(plan.buses))
    if unknown:
        raise UsageError(f"--bus: the profile has no bus {', '.join(unknown)}; it has {', '.join(plan.buses)}")
    with ProgressDisplay(console) as display:
        outcome = replay(wanted, plan, display.update, _stop_on_signals())
    return _report(outcome, wanted, plan.buses, console)


def _with_events(plan: Plan, settings: Settings, file: Path | None) -> Plan:
    """The plan with the events that the settings leave in it."""
    known = event_names(plan)
    for name in settings.events.off:
        if name not in known:
            raise UsageError(f"{file}: events.off: the profile has no event {name}{nearest(name, known)}")
    return without_events(plan, settings.events.off)


def _report(outcome: Outcome, wanted: Replay, buses: Sequence[str], console: Console) -> int:
    progress = outcome.progress
    _say(console, show.summary(progress))
    if progress.unreadable:
        text = f"{progress.unreadable:,} lines or objects of the recording could not be read; the rest was played"
        _say(console, text, "yellow")
    if progress.frames and not progress.samples:
        text = f"nothing was found that {wanted.profile.stem} collects: is it the right --model, and each interface of "
        _say(
            console,
            f"{text}the recording one of its buses ({', '.join(buses)})? --bus INTERFACE=BUS says which",
            "yellow",
        )
    if progress.refused:
        text = f"the bridge has put {progress.refused:,} uploads into quarantine: `canlift-bridge` says why"
        _say(console, text, "yellow")
    if outcome.ended is Ended.RECEIPTED:
        _say(console, "every upload is receipted", "green")
        return OK
    kept = f"{progress.depth:,} uploads are kept in {state_of(wanted.vin, wanted.settings)}"
    if outcome.ended is Ended.STOPPED:
        _say(console, f"interrupted; {kept}; the same command goes on with them", "yellow")
        return INTERRUPTED
    brokers = ", ".join(wanted.settings.uplink.brokers)
    if progress.put_aside:
        why = f"{progress.put_aside:,} uploads or manifests do not get through {brokers}; the log above says why"
    elif not progress.connected:
        why = f"no connection to {brokers}"
    else:
        why = (
            f"{brokers} takes uploads, but nobody receipts them: is the bridge running, "
            f"and is {wanted.vin} registered there (canlift-bridge vehicle)?"
        )
    _say(console, f"no receipt for {wanted.timeout_s:g} s: {why}", "red")
    _say(console, f"{kept}; the same command goes on with them")
    return FAILED


def _say(console: Console, text: str, style: str = "") -> None:
    """A line of text as it is: what is not shown on a terminal is not wrapped."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _replay_settings(options: argparse.Namespace) -> Settings:
    """The settings of the file, if one is given, with what the command line says instead."""
    settings = load_settings(options.config) if options.config else Settings(state=_user_state())
    changes: dict[str, object] = {}
    if options.vin:
        problem = vin_problem(options.vin)
        if problem is not None:
            raise UsageError(f"--vin: {problem}")
        changes["vin"] = options.vin
    if options.model:
        changes["profile"] = find_profile(options.model)
    if options.state:
        changes["state"] = options.state
    if options.broker:
        changes["uplink"] = msgspec.structs.replace(settings.uplink, brokers=tuple(options.broker))
    changed = msgspec.structs.replace(settings, **changes)
    try:
        changed.uplink.addresses()
    except ValueError as wrong:
        raise UsageError(f"--broker: {wrong}") from wrong
    return changed


def _user_state() -> Path:
    """Where programs of an ordinary user keep their state (XDG base directories)."""
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "canlift"


def _journal(options: argparse.Namespace) -> int:
    folder = options.folder if options.folder is not None else load_settings(options.config).state
    journals = journals_in(folder)
    if not journals:
        raise UsageError(f"{folder}: no journal is here")
    inventories = [take_inventory(path) for path in journals]
    if options.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(inventories)).decode() + "\n")
    else:
        for inventory in inventories:
            Console().print(show.inventory_table(inventory))
    return OK


def _stop_on_signals() -> threading.Event:
    """Set by the first SIGINT or SIGTERM; a second one ends the process as usual."""
    stop = threading.Event()

    def request(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, request)
    return stop


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0
    if not 0 < speed < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, or max; found {text!r}")
    return speed


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected seconds, a number above 0; found {text!r}")
    return seconds


def _duration(text: str) -> Duration:
    try:
        return Duration.parse(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(f"expected {wrong}") from wrong


def _mapping(text: str) -> tuple[str, str]:
    interface, equals, bus = text.partition("=")
    if not (interface and equals and bus):
        raise argparse.ArgumentTypeError(f"expected INTERFACE=BUS, such as can0=comfort; found {text!r}")
    return interface, bus


if __name__ == "__main__":
    sys.exit(main())
