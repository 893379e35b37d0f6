"""`serve`: the address that it listens on, how it is seen to be well, and how it ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from cloud_bridge.cli import main
from cloud_bridge.cli.health import UnwellError, expect_healthy, reachable
from cloud_bridge.serve import listen
from cloud_bridge.settings import Api, Database, Settings
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.monitors import Monitor
from cloud_bridge.store.port.registry import Fleet
from tests.agent.bridge import eventually
from tests.conftest import free_port


def serving(folder: Path, port: int) -> subprocess.Popen[str]:
    config = folder / "bridge.toml"
    config.write_text(f"[mqtt]\nport = {free_port()}\n[api]\nport = {port}\n")
    command = [sys.executable, "-m", "cloud_bridge.cli", "serve", "--config", str(config)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def waits_until_it_ends(process: subprocess.Popen[str]) -> int:
    try:
        return process.wait(60)
    finally:
        process.kill()
        assert process.stdout is not None
        process.stdout.close()


def test_an_answer_does_not_wait_for_the_client_to_confirm_its_head() -> None:
    with listen(Api(port=0)) as listener, socket.create_connection(listener.getsockname()):
        listener.setblocking(True)
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_bridge_that_is_told_to_end_before_it_serves_ends_well(tmp_path: Path) -> None:
    process = serving(tmp_path, free_port())
    assert eventually((tmp_path / "canlift.db").exists)
    process.send_signal(signal.SIGTERM)
    assert waits_until_it_ends(process) == 0


def fail_a_monitor(path: Path) -> None:
    storage = Storage(Settings(database=Database(path)))
    storage.registry.add_fleet(Fleet("f1", "One", "", 1, 1))
    monitor = Monitor("m1", "f1", b"{}", "Running", 1, 1, 1)
    assert storage.monitors.add(monitor, 1)
    assert storage.monitoring.fail(monitor, 1)
    storage.close()


def test_a_bridge_that_serves_is_well_and_one_that_ended_is_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    process = serving(tmp_path, port)
    try:
        words = ["health", "--config", str(tmp_path / "bridge.toml")]
        assert eventually(lambda: main(words) == 0)
        assert capsys.readouterr().out.endswith("ok\n")
        fail_a_monitor(tmp_path / "canlift.db")
        assert main(words) == 0
        assert capsys.readouterr().out.endswith("ok\nmonitors that failed: 1\n")
    finally:
        process.send_signal(signal.SIGTERM)
        assert waits_until_it_ends(process) == 0
    assert main(words) == 1
    assert f"127.0.0.1:{port} does not answer" in capsys.readouterr().err


def test_in_a_file_each_line_of_the_log_is_whole_and_has_its_time(tmp_path: Path) -> None:
    process = serving(tmp_path, free_port())
    assert process.stdout is not None
    lines = [process.stdout.readline().rstrip() for _ in range(3)]
    process.send_signal(signal.SIGTERM)
    assert waits_until_it_ends(process) == 0
    (logged,) = [line for line in lines if "WARNING" in line]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z WARNING the broker at .* until it can.*", logged)
    assert abs(datetime.fromisoformat(logged.split()[0]).timestamp() - time.time()) < 600


def test_what_answers_but_is_no_bridge_is_not_well() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port: int = other.getsockname()[1]
        with pytest.raises(UnwellError, match="timed out"):
            expect_healthy(Api(port=port), patience_s=0.2)


@pytest.mark.parametrize(
    ("listened_on", "asked"),
    [("0.0.0.0", "127.0.0.1"), ("::", "::1"), ("192.0.2.7", "192.0.2.7"), ("bridge.example.org", "bridge.example.org")],
)
def test_who_listens_everywhere_is_asked_on_loopback(listened_on: str, asked: str) -> None:
    assert reachable(listened_on) == asked
