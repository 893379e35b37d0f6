"""A bad link between this machine's network and a namespace: packets are delayed, lost and squeezed one by one.

    python -m tests.beds.link NAMESPACE NEAR FAR    e.g. canlift-7 100.64.7.1 100.64.7.2

Two TUN devices, one here and one in the namespace, and this program between them: TCP is the kernel's own, with its
repeats and its back-off. Each line on standard input is a JSON object of what changes: `delay_s` one way, `loss`
(0 to 1), `rate` in bits per second, `queue_bytes`. It ends with its standard input, and the devices with it.
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import struct
import subprocess
import sys
import time
from dataclasses import dataclass, field

_TUNSETIFF = 0x400454CA
_TUN_WITHOUT_HEADER = 0x1001
_NEW_NETWORK = 0x40000000
_PACKET_BYTES = 2048


@dataclass
class Link:
    delay_s: float = 0.0
    loss: float = 0.0
    rate: float = 10e6
    queue_bytes: int = 64_000
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    _on_the_way: list[tuple[float, int, int, bytes]] = field(default_factory=list)
    _free_s: list[float] = field(default_factory=lambda: [0.0, 0.0])
    _count: int = 0

    def put(self, now_s: float, way: int, packet: bytes) -> None:
        if self.rng.random() < self.loss or (self._free_s[way] - now_s) * self.rate / 8 > self.queue_bytes:
            return
        self._free_s[way] = max(now_s, self._free_s[way]) + len(packet) * 8 / self.rate
        self._count += 1
        heapq.heappush(self._on_the_way, (self._free_s[way] + self.delay_s, self._count, way, packet))

    def due(self, now_s: float) -> list[tuple[int, bytes]]:
        found = []
        while self._on_the_way and self._on_the_way[0][0] <= now_s:
            _, _, way, packet = heapq.heappop(self._on_the_way)
            found.append((way, packet))
        return found

    def wait_s(self, now_s: float) -> float:
        return max(self._on_the_way[0][0] - now_s, 0) if self._on_the_way else 1.0


def _tun(name: str, own: str, other: str, namespace: str | None = None) -> int:
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    if namespace is not None:
        enter(namespace)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", name.encode(), _TUN_WITHOUT_HEADER))
    for words in (f"addr add {own} peer {other} dev {name}", f"link set {name} up mtu 1400", "link set lo up"):
        subprocess.run(["ip", *words.split()], check=True)
    _enter(here)
    return device


def enter(namespace: str) -> None:
    """This thread's sockets are of the namespace from now on, and those of the threads that it starts."""
    _enter(os.open(f"/run/netns/{namespace}", os.O_RDONLY))


def _enter(namespace: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(namespace, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(namespace)


def main(namespace: str, near: str, far: str) -> None:
    suffix = namespace[-8:]
    ends = (_tun(f"n{suffix}", near, far), _tun(f"f{suffix}", far, near, namespace))
    link, buffer = Link(), b""
    print("up", flush=True)
    while True:
        readable, _, _ = select.select([*ends, 0], [], [], link.wait_s(time.monotonic()))
        now_s = time.monotonic()
        if 0 in readable:
            said = os.read(0, 4096)
            if not said:
                return
            *lines, buffer = (buffer + said).split(b"\n")
            for line in lines:
                for name, value in json.loads(line).items():
                    setattr(link, name, value)
        for way, end in enumerate(ends):
            if end in readable:
                link.put(now_s, way, os.read(end, _PACKET_BYTES))
        for way, packet in link.due(now_s):
            os.write(ends[1 - way], packet)


if __name__ == "__main__":
    main(*sys.argv[1:])
