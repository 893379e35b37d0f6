"""Monitors over real connections: what docs/api.md shows, done by curl, and bodies that never end."""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from cloud_bridge.access.secrets import hash_secret
from cloud_bridge.bridge import Bridge
from cloud_bridge.serve import configuration, listen
from cloud_bridge.settings import Api, Database, Settings
from cloud_bridge.shapes.bodies import LARGEST
from cloud_bridge.store.port.registry import Client, Fleet
from tests.agent.bridge import eventually
from tests.conftest import ROOT, needed

SECRET = "open sesame"
PATH = "/connectedcar/v3/fleets/f1/monitors?client_id=app1"


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Bridge]:
    bridge = Bridge(Settings(database=Database(tmp_path / "bridge.db")))
    bridge.storage.registry.add_fleet(Fleet("f1", "Fleet", "", 1, 1))
    bridge.storage.registry.add_client(Client("app1", "partner", hash_secret(SECRET), ("f1",)), 1)
    yield bridge
    bridge.storage.close()


@pytest.fixture
def port(bridge: Bridge) -> Iterator[int]:
    """Where its API is served."""
    with listen(Api(port=0)) as listener:
        server = uvicorn.Server(configuration(bridge.app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        assert eventually(lambda: server.started)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def test_what_the_how_to_shows_makes_changes_and_deletes_a_monitor(bridge: Bridge, port: int, tmp_path: Path) -> None:
    needed("curl", "curl")
    needed("jq", "jq")
    page = (ROOT / "docs" / "api.md").read_text().partition("## Being told")[2]
    making, using = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[:2]
    names = f"api=http://127.0.0.1:{port}/connectedcar/v3 fleet=f1 client=app1\nme=(-s -u 'partner:{SECRET}')\n"
    # Each answer on a line of its own, with its status behind.
    counted = "curl() { command curl -w ' %{http_code}\\n' \"$@\"; }\n"
    script = f"{names}{making}echo $monitor\n{counted}{using}"
    done = subprocess.run(
        ["bash", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    monitor_id, *answers = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert [answer.rpartition(" ")[2] for answer in answers] == ["200", "200", "202", "202", "202", "204"]
    listed, read, replaced, paused, resumed, deleted = (answer.rpartition(" ")[0] for answer in answers)
    assert [each["monitorId"] for each in json.loads(listed)["_embedded"]["monitors"]] == [monitor_id]
    assert json.loads(read)["monitor"]["triggerParam"]["boolExp"] == "far | low"
    assert [json.loads(answer)["status"] for answer in (replaced, paused, resumed)] == ["Running", "Paused", "Running"]
    assert deleted == ""
    assert '"boolExp": "far & low"' in (tmp_path / "monitor.json").read_text()
    assert bridge.storage.monitors.monitors("f1", 0, 1) == (0, [])


def head(*fields: str) -> bytes:
    basic = base64.b64encode(f"partner:{SECRET}".encode()).decode()
    lines = [f"POST {PATH} HTTP/1.1", "Host: x", f"Authorization: Basic {basic}", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def answered(connection: socket.socket) -> bytes:
    """All that comes until the server ends the connection."""
    found = b""
    try:
        while part := connection.recv(65_536):
            found += part
    except ConnectionResetError:
        pass
    return found


def test_a_body_that_never_ends_is_answered_and_the_connection_ended(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head("Transfer-Encoding: chunked"))
        chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
        sent = 0
        try:
            while sent < 100 * LARGEST:
                connection.sendall(chunk)
                sent += 0x4000
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < 100 * LARGEST


def test_a_body_that_is_announced_as_too_large_is_not_asked_for(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(head(f"Content-Length: {LARGEST + 1}", "Expect: 100-continue"))
        answer = answered(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer
    assert b'"code":41300' in answer


def test_a_body_is_asked_for_where_it_may_come_and_the_connection_goes_on(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for _ in range(2):
            connection.sendall(head("Content-Length: 2", "Expect: 100-continue"))
            assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
            connection.sendall(b"{}")
            answer = b""
            while b'"code":40003' not in answer:
                answer += connection.recv(1000)
            assert answer.startswith(b"HTTP/1.1 400 ")
