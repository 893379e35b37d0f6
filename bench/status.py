"""The API: a status of two kilobytes, against Starlette and msgspec with nothing between them.

Both are servers in processes of their own (`bench.status_program`), on uvicorn as the bridge runs it, and are asked by
a few connections that are kept. Ours does all that it does for a partner: credentials, limits, whether there is more to
derive, the right to the vehicle, its status from the database, the document, its tag. The vehicle stands, as most do: a
status that is the same again is not laid out again, and what it costs when it changed each time is shown beside. The
other server encodes a document that it has. What counts is the processor's time of the servers; they are asked in
turns, and the best round of each counts, because others measure what else the machine does.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.fleet import add_as_the_first
from bench.measure import Measure
from bench.status_program import PATH
from cloud_bridge.access.secrets import hash_secret, new_secret
from cloud_bridge.api.rendering import PLACES
from cloud_bridge.records.model import Known, Position, Status, Value
from cloud_bridge.settings import Database, Settings
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.derived import Fold
from cloud_bridge.store.port.registry import Client, Fleet, Vehicle
from cloud_bridge.store.sqlite.derived import SqliteDerived
from cloud_bridge.threads.remembered import NUMBER
from contract.catalog import DATA, Datum, Kind

CONNECTIONS = 8
REQUESTS = 400
ROUNDS = 15
BUDGET = 0.5
DATA_KNOWN = 55
AT_MS = 1_700_000_000_000
VEHICLES = NUMBER + 200
"""More than are remembered."""


class Server:
    """One of the servers, asked the same requests in turn."""

    def __init__(self, process: subprocess.Popen[str], requests: Sequence[bytes]) -> None:
        self._process = process
        self._requests = itertools.cycle(requests)
        self._address = "127.0.0.1", int(self._line())
        self.costs_us: list[float] = []
        self.per_s: list[float] = []

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def _cpu_s(self) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._line())

    def ask_once(self) -> tuple[bytes, bytes]:
        """Head and body."""
        with socket.create_connection(self._address) as connection:
            connection.sendall(next(self._requests))
            return _read(connection)

    def round(self) -> None:
        with ExitStack() as stack:
            connections = [stack.enter_context(socket.create_connection(self._address)) for _ in range(CONNECTIONS)]
            cpu_s, wall_s = self._cpu_s(), time.perf_counter()
            for _ in range(REQUESTS // CONNECTIONS):
                for connection in connections:
                    connection.sendall(next(self._requests))
                for connection in connections:
                    _read(connection)
            self.per_s.append(REQUESTS / (time.perf_counter() - wall_s))
            self.costs_us.append((self._cpu_s() - cpu_s) / REQUESTS * 1e6)


def run(_: Path) -> list[Measure]:
    """Needs no recordings."""
    build = Path(__file__).resolve().parent.parent / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as folder, ExitStack() as stack:
        database, document = Path(folder) / "bench.db", Path(folder) / "status.json"
        secret = new_secret()
        _fill(database, secret)

        def start(what: str, argument: Path, *headers: str, vehicles: int = 1) -> Server:
            requests = [_request(secret, _vehicle(number).id, headers) for number in range(vehicles)]
            return stack.enter_context(_server(what, argument, requests))

        ours = start("canlift", database)
        head, body = ours.ask_once()
        document.write_bytes(body)
        tag = next(line for line in head.decode().split("\r\n") if line.startswith("etag: "))
        bare = start("bare", document)
        accepting = "Accept-Encoding: gzip"
        ours_coded, coded = start("canlift", database, accepting), start("coded", document, accepting)
        changed = start("canlift", database, vehicles=VEHICLES)
        unchanged = start("canlift", database, f"If-None-Match: {tag.removeprefix('etag: ')}")
        assert bare.ask_once()[1] == body
        assert gzip.decompress(ours_coded.ask_once()[1]) == gzip.decompress(coded.ask_once()[1]) == body
        assert changed.ask_once()[1]
        assert unchanged.ask_once()[1] == b""
        servers = (ours, bare, ours_coded, coded, unchanged, changed)
        for server in servers * ROUNDS:
            server.round()
    return [
        _compared(f"status of {len(body):,} bytes", ours, bare, "Starlette + msgspec"),
        _compared("the same, gzip", ours_coded, coded, "Starlette + msgspec + GZipMiddleware"),
        Measure("the same, laid out anew", min(changed.costs_us), "µs/request", None, True, f"{VEHICLES:,} vehicles"),
        Measure("the same, unchanged: 304", min(unchanged.costs_us), "µs/request", None, True, "without a body"),
    ]


def _compared(name: str, ours: Server, bare: Server, of: str) -> Measure:
    """How many times the requests of the bare one are answered in the same processor's time."""
    ours_us, bare_us = min(ours.costs_us), min(bare.costs_us)
    told = f"{of}: {bare_us:,.0f} µs, {max(bare.per_s):,.0f}/s; ours {ours_us:,.0f} µs, {max(ours.per_s):,.0f}/s"
    return Measure(name, bare_us / ours_us, "×", BUDGET, False, told)


def _request(secret: str, vehicle: str, headers: Sequence[str]) -> bytes:
    path = PATH.format(fid="bench", vid=vehicle)
    credentials = base64.b64encode(f"me:{secret}".encode()).decode()
    lines = (
        f"GET {path}?client_id=bench HTTP/1.1",
        "Host: 127.0.0.1",
        "Accept: application/hal+json",
        f"Authorization: Basic {credentials}",
        *headers,
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


@contextmanager
def _server(what: str, argument: Path, requests: Sequence[bytes]) -> Iterator[Server]:
    command = [sys.executable, "-m", "bench.status_program", what, str(argument)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield Server(process, requests)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def _read(connection: socket.socket) -> tuple[bytes, bytes]:
    """An answer's head and body: of a length that is said, in chunks, or none."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.lower().split(b"\r\n")
    fields = dict(line.split(b": ", 1) for line in lines)
    if status.split()[1] == b"304":
        return head, body
    assert status.split()[1] == b"200", head
    if b"content-length" not in fields:
        while not body.endswith(b"\r\n0\r\n\r\n"):
            body += _more(connection)
        return head, b"".join(_chunks(body))
    while len(body) < int(fields[b"content-length"]):
        body += _more(connection)
    return head, body


def _more(connection: socket.socket) -> bytes:
    received = connection.recv(65_536)
    assert received, "the server closed the connection"
    return received


def _chunks(body: bytes) -> Iterator[bytes]:
    while body:
        size, _, rest = body.partition(b"\r\n")
        yield rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]


def _vehicle(number: int) -> Vehicle:
    return Vehicle(f"{number:040x}", f"VF3BENCH{number:09d}", "peugeot-comfort-2004", "Peugeot", "Thermic", 0, 0)


def _fill(database: Path, secret: str) -> None:
    storage = Storage(Settings(database=Database(database)))
    try:
        storage.registry.add_fleet(Fleet("bench", "bench", "", 0, 0))
        first = _vehicle(0)
        storage.registry.add_vehicle(first, ["bench"])
        client = Client("bench", "me", hash_secret(secret), ("bench",), day=10**9, burst=10**6)
        storage.registry.add_client(client, 0)
        storage.deriver.derive(first.vin)
        known = {key: Known(_value(DATA[key]), AT_MS) for key in sorted(PLACES)[:DATA_KNOWN]}
        status = Status(known, Position(AT_MS, 2.35, 48.85, 35.0, 90, 9, "3D"), AT_MS)
        derived = SqliteDerived(storage.database)
        derived.put_fold(first.vin, derived.extent(first.vin), Fold(0, (), status, (), (), 0))
        with storage.database.write() as connection:
            add_as_the_first(connection, first, map(_vehicle, range(1, VEHICLES)))
    finally:
        storage.close()


def _value(datum: Datum) -> Value:
    if datum.kind is Kind.ENUM:
        return datum.values[-1]
    return {Kind.BOOLEAN: True, Kind.INTEGER: 42, Kind.NUMBER: 42.5, Kind.DURATION: 9300}[datum.kind]
