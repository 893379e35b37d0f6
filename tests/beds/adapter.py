"""A CAN adapter on a serial line (slcan): once its bus is opened come the first frames of a recording, in quick time.

    adapter.py RECORDING FRAMES     prints the name of its port, then `played`

It is run by the Python of a bed, and so imports nothing of the project.
"""

from __future__ import annotations

import gzip
import os
import pty
import shutil
import sys
import time
import tty

_BETWEEN_S = 0.002


def main(recording: str, frames: int) -> None:
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    shutil.chown(os.ttyname(theirs), "canlift")
    print(os.ttyname(theirs), flush=True)
    told = b""
    while b"O\r" not in told:
        told += os.read(ours, 1000)
    with gzip.open(recording, "rt") as lines:
        for _, line in zip(range(frames), lines, strict=False):
            number, _, data = line.split()[2].partition("#")
            os.write(ours, f"t{number}{len(data) // 2}{data}\r".encode())
            time.sleep(_BETWEEN_S)
    print("played", flush=True)
    while os.read(ours, 1000):
        pass


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
