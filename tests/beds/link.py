"""A bad link between this machine's network and a namespace: packets are delayed, lost and squeezed one by one.

    python -m tests.beds.link NAMESPACE     a file, e.g. /proc/4711/ns/net; says both ends' addresses

Two TUN devices, one here and one in the namespace, and this program between them: TCP is the kernel's own, with its
repeats and its back-off. The addresses are made of the number that the kernel gives the device here, which no other
link of this machine has. Each line on standard input is a JSON object of what changes:

* `delay_s` one way, `loss` (0 to 1), `rate` in bits per second, `queue_bytes`.
* `near`: the near end's address is taken away, and this is its new one. What is still sent to the old one is lost.
* `diverted`: of two ports of the far end, what goes to the first is taken to the second, and answers seem to come from
  the first; null: not any more. So does a captive portal.

Each is answered with a line of what went over so far (`Carried`). It ends with its standard input, and the devices
with it.
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
from dataclasses import asdict, dataclass, field

from tests.beds.packets import ends, with_port

_TUNSETIFF = 0x400454CA
_TUN_WITHOUT_HEADER = 0x1001
_NEW_NETWORK = 0x40000000
_PACKET_BYTES = 2048
_NAME = "link"
"""Of a device, to which the kernel adds a number."""


@dataclass
class Carried:
    """Bytes of IP packets that were put on the link at either end, lost ones too."""

    up: int = 0
    """From the near end."""
    down: int = 0
    lost: int = 0
    """Of both."""
    packets: int = 0

    @property
    def bytes(self) -> int:
        return self.up + self.down

    def since(self, before: Carried) -> Carried:
        return Carried(
            self.up - before.up, self.down - before.down, self.lost - before.lost, self.packets - before.packets
        )


@dataclass
class Link:
    near: str
    """The near end's address."""
    delay_s: float = 0.0
    loss: float = 0.0
    rate: float = 10e6
    queue_bytes: int = 64_000
    diverted: tuple[int, int] | None = None
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    carried: Carried = field(default_factory=Carried)
    _on_the_way: list[tuple[float, int, int, bytes]] = field(default_factory=list)
    _free_s: list[float] = field(default_factory=lambda: [0.0, 0.0])
    _count: int = 0

    def put(self, now_s: float, way: int, packet: bytes) -> None:
        """`way` 0 is from the near end, 1 to it."""
        addresses = ends(packet)
        if addresses is None:  # What IPv6 says of itself at a new device.
            return
        self.carried.packets += 1
        if way == 0:
            self.carried.up += len(packet)
        else:
            self.carried.down += len(packet)
        congested = (self._free_s[way] - now_s) * self.rate / 8 > self.queue_bytes
        if self.rng.random() < self.loss or congested or addresses[way] != self.near:
            self.carried.lost += len(packet)
            return
        if self.diverted is not None:
            port, instead = self.diverted
            packet = (
                with_port(packet, port, instead, source=False)
                if way == 0
                else with_port(packet, instead, port, source=True)
            )
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


def _tun() -> tuple[int, str]:
    """A device of this thread's network, and its name."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    named = fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH", f"{_NAME}%d".encode(), _TUN_WITHOUT_HEADER))
    return device, named[:16].rstrip(b"\0").decode()


def _ip(*commands: str) -> None:
    for words in commands:
        subprocess.run(["ip", *words.split()], check=True)


def enter(namespace: str) -> None:
    """This thread's sockets are of the namespace from now on, and those of the threads that it starts."""
    opened = os.open(namespace, os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(opened, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "setns")
    os.close(opened)


def main(namespace: str) -> None:
    ours = os.open("/proc/self/ns/net", os.O_RDONLY)
    near_tun, device = _tun()
    number = int(device.removeprefix(_NAME))
    near, far = (f"100.{64 + number // 250 % 64}.{number % 250}.{end}" for end in (1, 2))
    # The far end knows no addresses of the near one but a way to all: what is sent to one that is gone is lost on it.
    _ip(f"addr add {near} peer {far} dev {device}", f"link set {device} up mtu 1400")
    enter(namespace)
    far_tun, far_device = _tun()
    _ip(f"addr add {far}/24 dev {far_device}", f"link set {far_device} up mtu 1400", "link set lo up")
    enter(f"/proc/self/fd/{ours}")
    tuns, link, buffer = (near_tun, far_tun), Link(near), b""
    print(near, far, flush=True)
    while True:
        readable, _, _ = select.select([*tuns, 0], [], [], link.wait_s(time.monotonic()))
        now_s = time.monotonic()
        if 0 in readable:
            said = os.read(0, 4096)
            if not said:
                return
            *lines, buffer = (buffer + said).split(b"\n")
            for line in lines:
                for what, value in json.loads(line).items():
                    if what == "near":
                        _ip(
                            f"addr del {link.near} peer {far} dev {device}", f"addr add {value} peer {far} dev {device}"
                        )
                    setattr(link, what, value)
                print(json.dumps(asdict(link.carried)), flush=True)
        for way, tun in enumerate(tuns):
            if tun in readable:
                link.put(now_s, way, os.read(tun, _PACKET_BYTES))
        for way, packet in link.due(now_s):
            os.write(tuns[1 - way], packet)


if __name__ == "__main__":
    main(*sys.argv[1:])
