"""Plays a recording on a bus faster than it was: `python -m tests.beds.can.player LOG BUS FASTER`.

Unlike `canplayer` it makes up for no time that it lost: where the machine was busy with something else, everything
after comes later, and no burst comes that whoever logs the bus beside has no room for. Says how many frames it sent.
"""

from __future__ import annotations

import gzip
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.beds.can.buses import CLASSIC, talker

_EARLY_S = 0.01
"""Frames that are due within this are sent at once: to sleep costs more than to send."""


def timed(log: Path) -> Iterator[tuple[float, bytes]]:
    """The frames of the recording's first bus, all of them classic with 11-bit ids: seconds since the first, packet."""
    began_s = None
    with gzip.open(log, "rt") as lines:
        for line in lines:
            at, bus, frame = line.split()[:3]
            if bus == "can0":
                at_s = float(at.strip("()"))
                began_s = at_s if began_s is None else began_s
                ident, data = frame.split("#")
                yield at_s - began_s, CLASSIC.pack(int(ident, 16), len(data) // 2, bytes.fromhex(data))


def main() -> None:
    log, bus, faster = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    sent = 0
    with talker(bus) as sock:
        began_s = time.monotonic()
        for after_s, packet in timed(log):
            wait_s = began_s + after_s / faster - time.monotonic()
            if wait_s > _EARLY_S:
                time.sleep(wait_s)
            elif wait_s < -_EARLY_S:
                began_s -= wait_s
            sock.send(packet)
            sent += 1
    print(sent)


if __name__ == "__main__":
    main()
