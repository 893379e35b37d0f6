"""A bus of UDP multicast, in a network of the test's own: in the machine's the frames would leave it."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.bus.frame import Frame
from agent.bus.interface import Interface
from tests.agent.bus.test_interface import gather
from tests.conftest import absent, needed

GROUP, PORT = "239.74.163.2", 43113
FRAMES = (("123#0102", 180), ("18FEDF00#82FFFF", 5), (f"456##0{'AB' * 64}", 5), ("123#R", 3), ("20000080#0102", 2))
"""In candump's words, each so often; less than the socket has room for."""
LIMIT_S = 60
_NEW_NETWORK = 0x4000_0000


def ip(words: str) -> None:
    subprocess.run([needed("ip", "iproute2"), *words.split()], check=True)


def routed() -> None:
    ip("link set lo up multicast on")
    ip("route add 239.0.0.0/8 dev lo")


@pytest.fixture
def network() -> Iterator[ThreadPoolExecutor]:
    """A thread in a network of its own, which ends with it. It has no more than a loopback, and that is down."""
    if os.geteuid() != 0:
        absent("needs root for a network of its own")
    with ThreadPoolExecutor(1) as thread:
        if thread.submit(ctypes.CDLL(None).unshare, _NEW_NETWORK).result(LIMIT_S):
            absent("needs to be allowed a network of its own")
        yield thread


def play(log: Path) -> None:
    """Another process says what is in a log, by python-can's own player."""
    where = ["-i", "udp_multicast", "-c", GROUP, "--fd"]
    subprocess.run(
        [sys.executable, "-m", "can.player", *where, "--error-frames", "--ignore-timestamps", "-g", "0", str(log)],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def log_of(folder: Path, *frames: tuple[str, int]) -> Path:
    said = [frame for frame, times in frames for _ in range(times)]
    file = folder / "said.log"
    file.write_text("".join(f"({number}.000000) can0 {frame}\n" for number, frame in enumerate(said, 1_700_000_000)))
    return file


def test_what_another_process_says_arrives_in_order(network: ThreadPoolExecutor, tmp_path: Path) -> None:
    def hear() -> tuple[list[Frame], Interface]:
        routed()
        with Interface("can0", "udp_multicast", GROUP) as reader:
            assert reader.read(0) == []
            play(log_of(tmp_path, *FRAMES))
            return gather(reader, lambda _: reader.losses.error == 2), reader

    frames, reader = network.submit(hear).result(LIMIT_S)
    expected = [
        *[(0x123, False, b"\1\2", False)] * 180,
        *[(0x18FEDF00, True, b"\x82\xff\xff", False)] * 5,
        *[(0x456, False, b"\xab" * 64, True)] * 5,
    ]
    assert [frame[2:] for frame in frames] == expected
    assert {frame.bus for frame in frames} == {"can0"}
    assert (reader.losses.remote, reader.losses.error) == (3, 2)


def test_what_is_no_frame_costs_only_itself(network: ThreadPoolExecutor, tmp_path: Path) -> None:
    garbage = [b"", b"\xc1", b"\x01", b"GET / HTTP/1.1\r\n\r\n", b"\x81\xa8nonsense\x01", bytes(3000)]
    garbage += [b"\x80", b"\x81\xa4data\xc4\x02\x01\x02", b"\x81\xa5is_fd\xc3", b"\x81\xa3dlc\x00"]

    def hear() -> tuple[list[Frame], Interface]:
        routed()
        with Interface("can0", "udp_multicast", GROUP) as reader:
            assert reader.read(0) == []
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                for datagram in garbage:
                    stranger.sendto(datagram, (GROUP, PORT))
            play(log_of(tmp_path, ("123#0102", 1)))
            return gather(reader, bool), reader

    frames, reader = network.submit(hear).result(LIMIT_S)
    assert [frame.data for frame in frames] == [b"\1\2"]
    assert (reader.losses.unreadable, reader.losses.recovered) == (len(garbage), 0)


def test_a_network_that_comes_after_the_agent_is_used_once_it_is_there(
    network: ThreadPoolExecutor, tmp_path: Path
) -> None:
    def hear() -> tuple[list[Frame], Interface]:
        with Interface("can0", "udp_multicast", GROUP) as reader:
            assert (reader.read(0), reader.is_open) == ([], False)
            routed()
            while not reader.is_open:
                reader.read(0.05)
            play(log_of(tmp_path, ("123#0102", 1)))
            return gather(reader, bool), reader

    frames, reader = network.submit(hear).result(LIMIT_S)
    assert [frame.data for frame in frames] == [b"\1\2"]
    assert reader.losses.recovered == 1
