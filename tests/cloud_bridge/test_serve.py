"""The address that `serve` listens on."""

from __future__ import annotations

import socket

from cloud_bridge.serve import listen
from cloud_bridge.settings import Api


def test_an_answer_does_not_wait_for_the_client_to_confirm_its_head() -> None:
    with listen(Api(port=0)) as listener, socket.create_connection(listener.getsockname()):
        listener.setblocking(True)
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
