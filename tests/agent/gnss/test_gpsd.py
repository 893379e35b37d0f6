"""gpsd as a source: the real one, fed by a receiver on a pseudo-terminal, and its words on a socket of ours."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from agent.gnss.fix import Fix
from agent.gnss.gpsd import Gpsd
from tests.agent.gnss.test_nmea import gga, rmc, sentence
from tests.agent.gnss.test_receiver import TODAY, Port, utc_ms
from tests.conftest import free_port, needed


def gather(gpsd: Gpsd, enough: Callable[[list[Fix]], bool], seconds: float = 60) -> list[Fix]:
    found: list[Fix] = []
    deadline = time.monotonic() + seconds
    while not enough(found) and time.monotonic() < deadline:
        found += gpsd.read(0.1)
    assert enough(found)
    return found


def until_lost(gpsd: Gpsd) -> None:
    deadline = time.monotonic() + 60
    while gpsd.connected and time.monotonic() < deadline:
        gpsd.read(0.05)
    assert not gpsd.connected


def tpv(second: int, **changed: object) -> dict[str, object]:
    said: dict[str, object] = {
        "class": "TPV", "device": "/dev/ttyACM0", "mode": 3, "time": f"2026-07-26T05:00:{second:02}.000Z",
        "lat": 55.95926, "lon": 9.98805, "altHAE": 160.1, "altMSL": 115.4, "track": 230.0, "speed": 20.0,
    }  # fmt: skip
    return {key: value for key, value in {**said, **changed}.items() if value is not None}


class Server:
    """Says lines to whoever connects."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.connection: socket.socket | None = None
        self.heard = b""

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self._listening.close()

    def accept(self, gpsd: Gpsd) -> None:
        """Meanwhile the client connects, from this thread."""
        accepted = threading.Thread(target=self._accept)
        accepted.start()
        deadline = time.monotonic() + 60
        while not gpsd.connected and time.monotonic() < deadline:
            gpsd.read(0.05)
        accepted.join(60)
        assert self.connection is not None
        self.heard = self.connection.recv(1000)

    def _accept(self) -> None:
        self.hang_up()
        self._listening.settimeout(60)
        self.connection, _ = self._listening.accept()

    def says(self, *reports: dict[str, object] | bytes) -> None:
        assert self.connection is not None
        lines = [report if isinstance(report, bytes) else json.dumps(report).encode() for report in reports]
        self.connection.sendall(b"".join(line + b"\r\n" for line in lines))

    def hang_up(self) -> None:
        if self.connection is not None:
            self.connection.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as opened:
        yield opened


@pytest.fixture
def gpsd(server: Server) -> Iterator[Gpsd]:
    client = Gpsd("127.0.0.1", server.port)
    server.accept(client)
    yield client
    client.close()


def test_a_report_is_a_fix_in_our_units(server: Server, gpsd: Gpsd) -> None:
    assert server.heard.startswith(b"?WATCH=")
    server.says({"class": "VERSION", "release": "3.22"}, {"class": "SKY", "uSat": 9}, tpv(1))
    (fix,) = gather(gpsd, bool)
    assert fix._replace(at_ms=0) == Fix(0, utc_ms(2026, 7, 26, 5, 0, 1), 9.98805, 55.95926, 115.4, 230.0, 9, 3, 72.0)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"mode": 1, "lat": None}, (None, None, None)),
        ({"mode": 0}, (None, None, None)),
        ({"mode": 3, "status": 8}, (None, None, None)),
        ({"mode": 3, "status": 5}, (None, None, None)),
        ({"mode": 2}, (2, 55.95926, None)),
        ({"status": [8], "mode": [3]}, (None, None, None)),
        ({"status": {}, "altMSL": None}, (3, 55.95926, None)),
        ({"lat": 91.0}, (None, None, None)),
        ({"lat": "55"}, (None, None, None)),
        ({"lon": float("nan")}, (None, None, None)),
        ({"altMSL": None}, (3, 55.95926, None)),
    ],
)
def test_there_is_a_position_only_with_a_measured_fix(
    server: Server, gpsd: Gpsd, changed: dict[str, object], expected: tuple[object, object, object]
) -> None:
    server.says(tpv(1, **changed))
    (fix,) = gather(gpsd, bool)
    assert (fix.fix, fix.latitude, fix.altitude_m) == expected
    assert (fix.utc_ms is None) == (expected[0] is None)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("2026-12-31T23:59:60.000Z", None),
        ("2026-12-31T23:59:59.500Z", utc_ms(2026, 12, 31, 23, 59, 59) + 500),
        ("2006-12-10T05:00:01.000Z", utc_ms(2026, 7, 26, 5, 0, 1)),
        ("2026-07-26T05:00:01.000", None),
        ("yesterday", None),
        (None, None),
        (12, None),
    ],
)
def test_the_time_is_right_or_absent(server: Server, gpsd: Gpsd, said: object, expected: int | None) -> None:
    server.says(tpv(1, time=said))
    (fix,) = gather(gpsd, bool)
    assert (fix.utc_ms, fix.fix) == (expected, 3)


def test_an_instant_that_is_said_again_is_passed_over(server: Server, gpsd: Gpsd) -> None:
    server.says(tpv(1), tpv(1), tpv(1), tpv(2))
    found = gather(gpsd, lambda fixes: len(fixes) >= 2)
    assert [fix.utc_ms for fix in found] == [utc_ms(2026, 7, 26, 5, 0, 1), utc_ms(2026, 7, 26, 5, 0, 2)]


def test_what_is_no_report_is_counted_and_costs_only_itself(server: Server, gpsd: Gpsd) -> None:
    server.says(b"nonsense", b"[1, 2]", b"{}", b"[" * 5000, b"\xff\xfe", b'{"class": 5}', b"", tpv(7))
    (fix,) = gather(gpsd, bool)
    assert fix.fix == 3
    assert gpsd.losses.unreadable == 5


def test_a_connection_that_ends_or_says_nothing_is_made_anew(server: Server) -> None:
    passed_ms = 0
    client = Gpsd("127.0.0.1", server.port, silent_s=600, monotonic_ms=lambda: time.monotonic_ns() // 10**6 + passed_ms)
    server.accept(client)
    server.says(tpv(1))
    gather(client, bool)
    server.hang_up()
    until_lost(client)
    server.accept(client)
    assert client.losses.recovered == 1
    passed_ms += 600_000
    until_lost(client)  # It is silent.
    server.accept(client)
    server.says(tpv(2))
    gather(client, bool)
    assert client.losses.recovered == 2
    client.close()


def test_no_gpsd_is_no_end() -> None:
    client = Gpsd("127.0.0.1", free_port())
    assert client.read(0.01) == []
    assert not client.connected


def test_the_real_gpsd_gives_what_a_receiver_on_a_serial_port_says() -> None:
    gpsd = needed("gpsd", "gpsd")
    number = free_port()
    with Port() as port:
        running = subprocess.Popen([gpsd, "-N", "-n", "-b", "-S", str(number), port.name], stderr=subprocess.DEVNULL)
        client = Gpsd("127.0.0.1", number)
        stop = threading.Event()

        def talk() -> None:
            """Gpsd wants some bursts before it knows what kind of receiver this is."""
            second = 0
            while not stop.wait(0.2):
                second += 1
                clock = f"0500{second % 60:02}"
                fixed = sentence("GNGSA,A,3,01,02,03,04,05,06,07,08,09,,,,2.0,1.0,1.7")
                port.says(rmc(clock, TODAY), gga(clock), fixed)

        talking = threading.Thread(target=talk)
        talking.start()
        try:
            found = gather(client, lambda fixes: any(fix.fix == 3 and fix.utc_ms for fix in fixes))
        finally:
            stop.set()
            talking.join()
            client.close()
            running.terminate()
            running.wait(60)
    fix = next(fix for fix in found if fix.fix == 3 and fix.utc_ms)
    assert fix.latitude == pytest.approx(55.9592600, abs=1e-5)
    assert fix.longitude == pytest.approx(9.9880533, abs=1e-5)
    assert fix.utc_ms is not None
    assert utc_ms(2026, 7, 26, 5) <= fix.utc_ms < utc_ms(2026, 7, 26, 6)
