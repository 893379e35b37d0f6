"""Who asks is answered, on real sockets and by a real HTTP client; and nobody who asks is in the agent's way."""

from __future__ import annotations

import os
import re
import resource
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

from agent.health.reporter import Reporter
from agent.health.snapshot import Health
from agent.settings.health import HealthSettings
from contract.version import VERSION
from tests.agent.bridge import eventually
from tests.agent.health.loops import VIN, at, hanging, turning


def asked(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(30)
        asking.connect(str(path))
        said = b""
        while more := asking.recv(65536):
            said += more
        return said


def url(reporter: Reporter, path: str = "/metrics") -> str:
    assert reporter.serving.metrics is not None
    host, port = reporter.serving.metrics
    return f"http://{host}:{port}{path}"


def test_the_status_socket_gives_one_snapshot_and_belongs_to_the_agents_group(tmp_path: Path) -> None:
    settings = at(tmp_path)
    with turning(settings):
        health = msgspec.json.decode(asked(settings.status_socket), type=Health)
        assert stat.S_IMODE(settings.status_socket.stat().st_mode) == 0o660
    assert (health.vin, health.state, health.buses["can0"].frames) == (VIN, "driving", 897)
    assert health.uptime_s >= 0
    assert not settings.status_socket.exists()


def test_a_loop_that_hangs_is_told_to_who_asks(tmp_path: Path) -> None:
    with hanging(at(tmp_path, metrics=True)) as reporter:
        assert b"the agent's loop has not turned for 3 s" in asked(tmp_path / "status.sock")
        answer = httpx.get(url(reporter), timeout=30)
    assert answer.status_code == 503


def test_a_socket_that_a_killed_agent_left_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "status.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    with turning(at(tmp_path)):
        assert VIN.encode() in asked(path)


def test_a_socket_that_another_agent_answers_at_is_left_to_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = at(tmp_path)
    with turning(settings):
        with turning(settings):
            assert "another agent answers there" in caplog.text
        assert VIN.encode() in asked(settings.status_socket)


@contextmanager
def no_descriptors_left() -> Iterator[None]:
    """Of this process; who has one keeps it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_a_descriptor_left_it_is_said_once_and_tried_now_and_then_until_there_is_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with turning(at(tmp_path)) as reporter, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(30)
        with no_descriptors_left():
            began_s = time.monotonic()
            asking.connect(str(tmp_path / "status.sock"))
            assert eventually(lambda: reporter.serving.refused >= 2)
            assert reporter.serving.refused <= time.monotonic() - began_s + 1
        assert VIN.encode() in asking.recv(65536)
    assert caplog.text.count("status.sock is answered: Too many open files") == 1


def test_where_nothing_can_be_served_the_agent_works_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        metrics = f"127.0.0.1:{taken.getsockname()[1]}"
        with turning(HealthSettings(status_socket=tmp_path / "nowhere" / "s", metrics=metrics)) as reporter:
            assert reporter.snapshot().vin == VIN
    assert "nowhere/s: No such file or directory" in caplog.text
    assert f"{metrics}: Address already in use" in caplog.text


def test_one_who_does_not_say_what_he_wants_does_not_keep_others_waiting(tmp_path: Path) -> None:
    with turning(at(tmp_path, metrics=True)) as reporter:
        assert reporter.serving.metrics is not None
        with socket.create_connection(reporter.serving.metrics) as silent:
            assert httpx.get(url(reporter), timeout=30).status_code == 200
            assert VIN.encode() in asked(tmp_path / "status.sock")
            silent.settimeout(30)
            assert silent.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_many_at_once_are_all_answered(tmp_path: Path) -> None:
    said: list[bytes] = []
    with turning(at(tmp_path)):
        threads = [threading.Thread(target=lambda: said.append(asked(tmp_path / "status.sock"))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(said) == 6
    assert all(VIN.encode() in each for each in said)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /metrics HTTP/1.1\r\n\r\n", 200),
        (b"GET /metrics?x=1 HTTP/1.0\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\n\r\n", 405),
        (b"\x16\x03\x01 not http\r\n\r\n", 400),
        (b"GET /" + b"x" * 10_000, 400),
        (b"", 400),
    ],
)
def test_whatever_comes_is_answered(tmp_path: Path, request_: bytes, status: int) -> None:
    with turning(at(tmp_path, metrics=True)) as reporter:
        assert reporter.serving.metrics is not None
        with socket.create_connection(reporter.serving.metrics, 60) as asking:
            try:
                asking.sendall(request_)
                asking.shutdown(socket.SHUT_WR)
                said = asking.recv(64)
            except OSError:
                if len(request_) < 10_000:
                    raise
                return  # It did not read all of a request that was too long.
            assert said.startswith(b"HTTP/1.1 %d " % status)


def test_metrics_are_what_prometheus_reads(tmp_path: Path) -> None:
    with turning(at(tmp_path, metrics=True)) as reporter:
        answer = httpx.get(url(reporter), timeout=30)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = answer.text
    for line in (
        "# HELP canlift_bus_dropped_total frames that the kernel dropped because they were not read in time",
        "# TYPE canlift_bus_dropped_total counter",
        'canlift_bus_dropped_total{bus="can0"} 2',
        'canlift_bus_dropped_total{bus="can \\"1\\""} 0',
        'canlift_bus_open{bus="can0"} 1',
        'canlift_bus_interface_info{bus="can0",interface="socketcan can0"} 1',
        "# TYPE canlift_journal_depth gauge",
        "canlift_journal_depth 2",
        'canlift_journal_by_priority{name="event"} 1',
        "canlift_journal_most_bytes 67108864",
        "canlift_uplink_receipted_total 1",
        "canlift_clock_uncertainty_seconds 0.3",
        'canlift_clock_source_info{source="gnss"} 1',
        "# TYPE canlift_clock_refused_total counter",
        'canlift_clock_refused_total{name="system"} 7',
        "canlift_gnss_stale_total 4",
        "canlift_privacy_unwritten_total 1",
        "canlift_journal_day_bytes 3000",
        "canlift_journal_wear_spent 1",
        'canlift_journal_trouble_info{trouble="Read-only file system"} 1',
        "canlift_journal_newer 5",
        'canlift_state_info{state="driving"} 1',
        f'canlift_info{{version="{VERSION}",vin="{VIN}",model="demo-car",boot="{bytes(range(16)).hex()}"}} 1',
    ):
        assert line in text.splitlines(), line
    assert "modem" not in text
    sample = r"[a-z_]+(\{[a-z]+=\"([^\"\\\n]|\\.)*\"(,[a-z]+=\"([^\"\\\n]|\\.)*\")*\})? -?[0-9.e+-]+"
    comment = r"# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge))"
    assert all(re.fullmatch(f"{sample}|{comment}", line) for line in text.splitlines())
    assert len({line for line in text.splitlines() if line.startswith("# TYPE")}) == text.count("# TYPE")
