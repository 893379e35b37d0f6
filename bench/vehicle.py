"""The whole vehicle path: read, decode, sample, encode, make durable, against the obvious way to do the same.

Four buses of 4,000 frames a second each, the frames of a minute of a real drive sent by another process, four on each
bus each millisecond, 70 signals wanted of each bus: 10 at 10 Hz, 60 at 1 Hz. Machines that build and test have no CAN,
so a bus is a datagram socket on loopback that carries `struct can_frame`: the kernel stamps, queues and drops as it
does for a CAN socket, and it filters nothing, so both sides read every frame.

* canlift: its reader, gathering, sampler, collector and journal, as `canlift-agent run` puts them together.
* obvious: python-can's Notifier over the four buses, cantools, the newest values as JSON, SQLite each second.

What is compared is the CPU time of the process, kernel included; what is counted are wake-ups (voluntary context
switches) and frames.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import resource
import select
import socket
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median
from typing import NamedTuple

import can
import cantools
from can.interfaces.socketcan.socketcan import capture_message
from cantools.database.can import Database, Message

from agent.bus.losses import Losses
from agent.bus.socketcan.bus import CLASSIC_BYTES, SocketBus
from agent.bus.socketcan.buses import Buses
from agent.bus.socketcan.packets import SO_TIMESTAMPNS, Packets, ask_for_times
from agent.bus.socketcan.sockets import make_roomy
from agent.bus.socketcan.stamps import Stamps
from agent.bus.wanted import Listening
from agent.clocks.system import monotonic_ms
from agent.collector import Collector
from agent.journal.journal import Journal
from agent.journal.numbering import Numbering, boot_of_this_start
from agent.live.gathering import Gathering
from agent.plan.compiling import compile_plan
from agent.plan.listening import listening
from agent.sampling.sampler import Sampler
from bench.decode import KEY_AND_PAYLOAD, frames_of, key_of
from bench.measure import Measure
from contract.upload import Reason

BUSES = 4
FRAMES_A_SECOND = 4_000
ROUNDS = 3
SECONDS = 5
BURST_S = 0.001
CPU_BUDGET = 9.0
WAKE_UPS_BUDGET = 60
VIN = "VR3CANL1FT0000001"
_SETTLE_S = 0.5


class Cost(NamedTuple):
    """Of one process while the buses talked."""

    cpu_s: float
    wake_ups: int
    frames: int
    sent: int = 0


def run(shared: Path) -> list[Measure]:
    packets = [
        KEY_AND_PAYLOAD.pack(key_of(can_id, data), data.ljust(8, b"\0"))
        for can_id, data in frames_of(shared / "data/logs/toyota_rav4_2018_comma2k19_60s.log.gz")
    ]
    sides: dict[str, list[Cost]] = {"obvious": [], "canlift": []}
    for _ in range(ROUNDS):
        # In turn, so that a busy machine slows both.
        sides["obvious"].append(_measured(_obvious, shared, packets))
        sides["canlift"].append(_measured(_canlift, shared, packets))
    us = {name: median(1e6 * cost.cpu_s / cost.sent for cost in costs) for name, costs in sides.items()}
    lost = {name: sum(cost.sent - cost.frames for cost in costs) for name, costs in sides.items()}
    rate = {name: max(cost.wake_ups for cost in costs) / SECONDS for name, costs in sides.items()}
    baseline = f"python-can, cantools, JSON, SQLite {us['obvious']:.1f} µs a frame, canlift {us['canlift']:.2f} µs"
    return [
        Measure("vehicle: CPU, times less", us["obvious"] / us["canlift"], "×", CPU_BUDGET, False, baseline),
        Measure("vehicle: wake-ups", rate["canlift"], "/s", WAKE_UPS_BUDGET, True, f"obvious {rate['obvious']:,.0f}/s"),
        Measure("vehicle: frames lost", lost["canlift"], "frames", 0, True, f"obvious {lost['obvious']}"),
    ]


def _measured(
    agent: Callable[[Path, Sequence[socket.socket], Event, Connection], None], shared: Path, packets: Sequence[bytes]
) -> Cost:
    """What an agent costs in a process of its own."""
    context = multiprocessing.get_context("fork")
    receivers, senders = [], []
    for _ in range(BUSES):
        receiver, sender = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        make_roomy(receiver)
        receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        receiver.bind(("127.0.0.1", 0))
        sender.connect(receiver.getsockname())
        receivers.append(receiver)
        senders.append(sender)
    ours, theirs = context.Pipe()
    stop = context.Event()
    process = context.Process(target=agent, args=(shared, receivers, stop, theirs))
    process.start()
    try:
        ours.recv()
        sent = _talk(senders, packets)
        time.sleep(_SETTLE_S)
        stop.set()
        cost: Cost = ours.recv()
    finally:
        process.join(30)
        if process.is_alive():
            process.kill()
        for each in (*receivers, *senders):
            each.close()
    return cost._replace(sent=sent)


def _talk(senders: Sequence[socket.socket], packets: Sequence[bytes]) -> int:
    """Sends for `SECONDS`, in time; how many frames."""
    burst = round(FRAMES_A_SECOND * BURST_S)
    began_s = time.monotonic()
    sent = 0
    for turn in range(round(SECONDS / BURST_S)):
        time.sleep(max(0.0, began_s + turn * BURST_S - time.monotonic()))
        first = turn * burst % (len(packets) - burst)
        for sender in senders:
            for packet in packets[first : first + burst]:
                sender.send(packet)
        sent += burst * len(senders)
    return sent


class _Meter:
    def __init__(self) -> None:
        self._before = resource.getrusage(resource.RUSAGE_SELF)

    def cost(self, frames: int) -> Cost:
        now, before = resource.getrusage(resource.RUSAGE_SELF), self._before
        cpu_s = now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime
        return Cost(cpu_s, now.ru_nvcsw - before.ru_nvcsw, frames)


def _wanted(shared: Path) -> dict[str, list[str]]:
    wanted: dict[str, list[str]] = json.loads((shared / "data/bench/rav4_wanted.json").read_text("utf-8"))
    return wanted


# canlift.


def _profile(shared: Path, folder: Path) -> Path:
    """The wanted signals of four buses. Names of messages are the vehicle's, so each bus has a database of its own."""
    database = (shared / "data/dbc/toyota_rav4_merged.dbc").read_text("utf-8", "replace")
    wanted = _wanted(shared)
    lines = ['model = "bench"', 'label = "Bench"', 'brand = "Canlift"', 'motorization = "Thermic"', "[classes]"]
    lines += [f'{name} = {{ every = "{name.split("_")[1]}ms" }}' for name in wanted]
    for bus in range(BUSES):
        renamed = re.sub(r"^(BO_ \d+ \w+)( *:)", rf"\1_{bus}\2", database, flags=re.MULTILINE)
        (folder / f"{bus}.dbc").write_text(renamed, "utf-8")
        lines += [f"[buses.can{bus}]", f'databases = ["{bus}.dbc"]']
    lines.append("[signals]")
    for bus in range(BUSES):
        for class_name, names in wanted.items():
            lines += [f'"{name.replace(".", f"_{bus}.")}" = {{ class = "{class_name}" }}' for name in names]
    (folder / "bench.toml").write_text("\n".join(lines), "utf-8")
    return folder / "bench.toml"


def _itself(sock: socket.socket, _: Listening) -> socket.socket:
    return sock


def _canlift(shared: Path, receivers: Sequence[socket.socket], stop: Event, parent: Connection) -> None:
    with tempfile.TemporaryDirectory(prefix="bench.") as name:
        folder = Path(name)
        plan = compile_plan(_profile(shared, folder), cadence_ms=10_000)
        losses, stamps, shared_packets = Losses(), Stamps(), Packets(CLASSIC_BYTES)
        buses = []
        for bus, receiver in enumerate(receivers):
            ask_for_times(receiver)
            wanted = listening(plan, f"can{bus}")
            opened = partial(_itself, receiver)
            buses.append(SocketBus(wanted, "loopback", opened, losses, stamps, packets=shared_packets))
        sampler = Sampler(plan, monotonic_ms())
        with (
            Journal(folder / "journal", time.monotonic, flush_every_s=10) as journal,
            Gathering([], monotonic_ms, Buses(buses, stamps)) as live,
        ):
            collector = Collector(VIN, plan.manifest, sampler, Numbering(boot_of_this_start()), journal, [losses])
            parent.send(None)
            meter = _Meter()
            for frames in live.batches(0.25):
                if frames:
                    collector.feed(frames)
                collector.advance(live.settled_ms)
                journal.tick()
                if stop.is_set():
                    collector.feed(live.rest())
                    break
            collector.close(monotonic_ms(), Reason.CADENCE)
            journal.flush()
            parent.send(meter.cost(collector.frames + losses.passed_over))


# The obvious way.


class _Loopback(can.BusABC):
    """What python-can's SocketCAN bus does, on a socket that is handed in."""

    def __init__(self, channel: str, sock: socket.socket) -> None:
        super().__init__(channel=channel)
        self.channel = channel
        self._sock = sock
        self._is_filtered = False

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        if not select.select([self._sock], [], [], timeout)[0]:
            return None, False
        message = capture_message(self._sock)
        if message is not None:
            message.channel = self.channel
        return message, False

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        raise NotImplementedError


def _obvious(shared: Path, receivers: Sequence[socket.socket], stop: Event, parent: Connection) -> None:
    database = cantools.database.load_file(shared / "data/dbc/toyota_rav4_merged.dbc", strict=False)
    assert isinstance(database, Database)
    wanted = _wanted(shared)
    names = {name.split(".")[0] for group in wanted.values() for name in group}
    messages: dict[int, Message] = {each.frame_id: each for each in database.messages if each.name in names}
    newest: dict[str, object] = {}
    heard = 0

    def take(message: can.Message) -> None:
        nonlocal heard
        heard += 1
        known = messages.get(message.arbitration_id)
        if known is not None:
            values = known.decode(bytes(message.data), decode_choices=False, allow_truncated=True)
            newest.update((f"{message.channel}.{known.name}.{name}", value) for name, value in dict(values).items())

    with tempfile.TemporaryDirectory(prefix="bench.") as folder:
        store = sqlite3.connect(Path(folder) / "spool.db")
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("PRAGMA synchronous=FULL")
        store.execute("CREATE TABLE samples (at REAL, body TEXT)")
        buses: list[can.BusABC] = [_Loopback(f"can{number}", receiver) for number, receiver in enumerate(receivers)]
        kinds = {kind: [f"can{bus}.{name}" for bus in range(BUSES) for name in group] for kind, group in wanted.items()}
        parent.send(None)
        meter = _Meter()
        notifier = can.Notifier(buses, [take])
        rows: list[tuple[float, str]] = []
        turn = 0
        pause = threading.Event()
        while not stop.is_set():
            pause.wait(0.1)
            turn += 1
            for kind, every in zip(kinds.values(), (1, 10), strict=True):
                if turn % every == 0:
                    now = time.time()
                    rows.append((now, json.dumps({name: newest[name] for name in kind if name in newest})))
            if turn % 10 == 0:
                store.executemany("INSERT INTO samples VALUES (?, ?)", rows)
                store.commit()
                rows.clear()
        cost = meter.cost(heard)
        notifier.stop()
        for bus in buses:
            bus.shutdown()
        store.close()
        parent.send(cost)
