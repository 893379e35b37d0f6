"""The ports of the tests."""

from __future__ import annotations

import errno
import socket

import pytest

from tests.conftest import free_port


def test_a_port_that_was_chosen_refuses_connections_and_is_free_for_servers_alone() -> None:
    port = free_port()
    with socket.socket() as client, pytest.raises(ConnectionRefusedError):
        client.connect(("127.0.0.1", port))
    # As the kernel does it for who wants any port.
    with socket.socket() as other, pytest.raises(OSError, match=str(errno.EADDRINUSE)):
        other.bind(("127.0.0.1", port))
    for _ in range(2):
        with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(server.getsockname()):
            server.accept()[0].close()
