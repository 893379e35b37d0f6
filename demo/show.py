"""`make demo`: a broker, the bridge and an agent on this machine, and what a partner then reads from the API.

Everything runs as it would in the field, each program in a process of its own; only the broker is a small one from a
Python package and the vehicle is a recording. What it makes is in a folder of its own and gone when it ends.
"""

from __future__ import annotations

import argparse
import json
import threading
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.rule import Rule
from rich.text import Text

from demo.broker import free_port, start_broker, why_taken
from demo.compact import compact
from demo.interrupts import interrupt_on_signals
from demo.partner import Partner
from demo.programs import PROFILES, ROOT, DemoError, register, replay, start_bridge
from demo.verify import Drive, unmet

DRIVE = ROOT / "demo" / "drive"
A_VIN = "VF3YYYYYYYYYYYYYY"
"""Of the vehicle of a user's recording, which does not say its own."""
OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main() -> int:
    """0: shown, and right; 1: not; 2: wrong usage; 130: interrupted before everything was shown."""
    options = _parser().parse_args()
    console = Console(highlight=False, soft_wrap=True)
    interrupt_on_signals()
    try:
        with ExitStack() as running:
            if not _demo(options, console, running):
                return FAILED
            if not options.once:
                _serve(console)
            return OK
    except DemoError as error:
        console.print(str(error), style="red", markup=False)
        return FAILED
    except KeyboardInterrupt:
        console.print("\ninterrupted")
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make demo", description="See canlift work, on this machine.")
    parser.add_argument("--once", action="store_true", help="show, verify what is shown, and exit")
    parser.add_argument("--log", type=Path, help="your own recording: .log, .asc, .blf, .trc, .mf4; gzip too")
    parser.add_argument("--nmea", type=Path, help="what a GNSS receiver wrote beside it")
    parser.add_argument("--model", help="the vehicle profile that fits it; the likest one when left out")
    parser.add_argument("--port", type=_port, default=8080, help="where the API listens (default: %(default)s)")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, found {text!r}")
    return int(text)


def _demo(options: argparse.Namespace, console: Console, running: ExitStack) -> bool:
    """Whether everything that was shown is right."""
    drive = _drive(options, console)
    folder = Path(running.enter_context(TemporaryDirectory(prefix="canlift-demo-")))
    broker_port = start_broker(folder, running)
    api_port = options.port
    if reason := why_taken(api_port):
        api_port = free_port()
        console.print(f"port {options.port} is not to be had ({reason}): the API listens on {api_port}")
    partner = register(drive, folder, broker_port, api_port)
    start_bridge(partner, folder, running)
    console.print(f"broker on port {broker_port}, bridge on port {api_port}", style="dim")
    console.print(f"{drive.model} drives {drive.log.name} …", markup=False)
    replay(drive, folder, broker_port, running)
    if problems := unmet(drive, partner):
        for problem in problems:
            console.print(f"✗ {problem}", style="red", markup=False)
        return False
    _show(partner, console)
    if drive.truth is not None:
        console.print("✓ what is shown is what was driven", style="green")
    _tell(partner, console, options.once)
    return True


def _drive(options: argparse.Namespace, console: Console) -> Drive:
    if options.log is None:
        if options.nmea is not None or options.model is not None:
            raise DemoError("NMEA and MODEL say more about a recording of yours: give LOG=… too")
        truth = json.loads(DRIVE.with_suffix(".truth.json").read_text())
        return Drive(DRIVE.with_suffix(".log.gz"), DRIVE.with_suffix(".nmea.gz"), "demo-car", truth["vin"], truth)
    for path in (options.log, options.nmea):
        if path is not None and not path.is_file():
            raise DemoError(f"{path}: there is no such file")
    return Drive(options.log, options.nmea, options.model or _likest(options.log, console), A_VIN, None)


def _likest(log: Path, console: Console) -> str:
    # Imported here: reading recordings takes a second to load, and the drive that is shipped needs no guessing.
    from agent.bus.recording import RecordingError
    from demo.models import likest

    try:
        likeness = likest(log, PROFILES)
    except RecordingError as wrong:
        raise DemoError(str(wrong)) from wrong
    if not likeness.found:
        models = ", ".join(sorted(path.stem for path in PROFILES.glob("*.toml")))
        raise DemoError(f"{log}: none of the models is known by its messages ({models}); see docs/profiles.md")
    console.print(
        f"no MODEL is given: {likeness.model} fits best ({likeness.found} of its {likeness.wanted} messages)",
        markup=False,
    )
    return likeness.model


def _show(partner: Partner, console: Console) -> None:
    for title, path in (("the vehicle's status", "/status"), ("its last trip", partner.last_trip_path())):
        console.print(Rule(title if path else f"{title}: none yet"))
        if path:
            console.print(f"GET {partner.vehicle_path}{path}", style="dim", markup=False)
            text = Text(compact(partner.get(path).body, console.width))
            console.print(JSONHighlighter()(text))


def _tell(partner: Partner, console: Console, once: bool) -> None:
    console.print(Rule("ask it yourself"))
    console.print(f"API            {partner.api}\ndocumentation  {partner.api}/docs")
    if once:
        console.print("These work while it serves, which it does until Ctrl-C without ONCE=1:")
    for line in partner.curl_lines():
        console.print(f"\n{line}", markup=False)


def _serve(console: Console) -> None:
    console.print("\nserving until Ctrl-C …")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("\nended")
