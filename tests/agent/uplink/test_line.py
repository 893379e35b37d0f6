"""What is seen of a line that carries nothing any more."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import ssl
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.settings.uplink import Tls
from agent.uplink.line import Watch, error_of
from agent.uplink.uplink import Uplink
from tests.agent.bridge import eventually
from tests.agent.uplink.quick import PATIENT, VIN, settings
from tests.certificates import Authority
from tests.conftest import absent, needed

ADDRESS = "100.127.77.1"
LIMIT_S = 60
_NEW_NETWORK = 0x4000_0000


def ip(words: str) -> None:
    subprocess.run([needed("ip", "iproute2"), *words.split()], check=True)


def before_and_after_it_is_taken_away() -> tuple[str | None, str | None]:
    ip("link set lo up")
    ip(f"addr add {ADDRESS} dev lo")
    with socket.create_server((ADDRESS, 0)) as listener, socket.create_connection(listener.getsockname()) as line:
        watch = Watch(iter([0.0, 2.0, 4.0]).__next__)
        before = watch.lost_address(line)
        ip(f"addr del {ADDRESS} dev lo")
        return before, watch.lost_address(line)


def test_an_address_that_is_taken_away_is_noticed_where_nothing_is_sent() -> None:
    if os.geteuid() != 0:
        absent("needs root for a network of its own")
    with ThreadPoolExecutor(1) as thread:
        if thread.submit(ctypes.CDLL(None).unshare, _NEW_NETWORK).result(LIMIT_S):
            absent("needs to be allowed a network of its own")
        assert thread.submit(before_and_after_it_is_taken_away).result(LIMIT_S) == (None, ADDRESS)


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_an_address_that_is_there_is_not_taken_for_gone(family: socket.AddressFamily, host: str) -> None:
    try:
        listener = socket.create_server((host, 0), family=family)
    except OSError:
        absent(f"needs {host}, which this machine has not")
    with listener, socket.create_connection(listener.getsockname()[:2]) as line:
        watch = Watch(iter([0.0, 2.0]).__next__)
        assert watch.lost_address(line) is None


def test_why_a_connection_was_given_up_is_told_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as line:
        assert error_of(line) is None
        other, _ = listener.accept()
        # Closed so, it is reset.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        other.close()
        assert select.select([line], [], [], LIMIT_S)[0]
        assert error_of(line) == "Connection reset by peer"
        assert error_of(line) is None


def test_a_connection_that_is_reset_under_tls_is_said_to_be(
    tmp_path: Path, journal: Journal, manifests: Manifests
) -> None:
    authority = Authority(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority.certificate("127.0.0.1"))

    def greet_and_reset(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                visitor, _ = listener.accept()
                with tls.wrap_socket(visitor, server_side=True) as secured:
                    secured.recv(4096)
                    secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=greet_and_reset, args=(listener,))
        serving.start()
        try:
            chosen = settings(listener.getsockname()[1], tls=Tls(authority.file), connect_timeout=PATIENT)
            with Uplink(VIN, chosen, journal, manifests, time.monotonic) as uplink:
                assert eventually(lambda: "the connection was lost: Connection reset by peer" in uplink.failure)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            serving.join()
