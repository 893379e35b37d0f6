"""`canlift-agent replay`: recorded logs, played as if they were the vehicle."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.logging import RichHandler

from agent.bus.failures import InterfaceError
from agent.bus.recording import RecordingError
from agent.cli import show, terminal
from agent.cli.ending import FAILED, INTERRUPTED, OK, UsageError, stop_on_signals
from agent.cli.planning import as_wanted
from agent.cli.show import ProgressDisplay
from agent.journal.folder import HeldError
from agent.lifting import UplinkEndedError, state_of
from agent.plan.compiling import compile_plan
from agent.profiles import find_profile, known_models
from agent.replay.replay import TIMEOUT_S, Ended, Outcome, Replay, replay
from agent.settings.agent import Settings, load_settings, vin_problem
from agent.uplink.credentials import CredentialsError
from contract.configuration import Duration

FAILURES = (RecordingError, HeldError, CredentialsError, InterfaceError, UplinkEndedError)


def main(words: Sequence[str]) -> int:
    """0 when every upload is receipted."""
    parser = argparse.ArgumentParser(
        prog="canlift-agent replay", description="Plays recorded logs as if they were the vehicle."
    )
    _add_options(parser)
    options = parser.parse_args(words)
    console = terminal.console(stderr=True)
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
    plan = as_wanted(plan, settings, options.config)
    unknown = sorted(set(wanted.mapping.values()) - set(plan.buses))
    if unknown:
        raise UsageError(f"--bus: the profile has no bus {', '.join(unknown)}; it has {', '.join(plan.buses)}")
    with ProgressDisplay(console) as display:
        outcome = replay(wanted, plan, display.update, stop_on_signals())
    return _report(outcome, wanted, plan.buses, console)


def _add_options(parser: argparse.ArgumentParser) -> None:
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


def _speed(text: str) -> float | None:
    return None if text == "max" else _above_zero(text, "a number above 0, or max")


def _seconds(text: str) -> float:
    return _above_zero(text, "seconds, a number above 0")


def _above_zero(text: str, expected: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected {expected}; found {text!r}")
    return number


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
