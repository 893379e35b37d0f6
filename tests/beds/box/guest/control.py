"""The bed's channel, in the guest: a command a line comes in on a terminal as JSON, its status and output go back.

    control.py /dev/tty1

A terminal survives whatever is done to the guest's network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tty
from pathlib import Path


def main() -> None:
    channel = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
    tty.setraw(channel)

    def say(answer: dict[str, object]) -> None:
        said = json.dumps(answer).encode() + b"\n"
        while said:
            said = said[os.write(channel, said) :]

    say({"ready": float(Path("/proc/uptime").read_text().split()[0])})
    heard = b""
    while True:
        heard += os.read(channel, 65_536)
        while b"\n" in heard:
            line, _, heard = heard.partition(b"\n")
            asked = json.loads(line)
            try:
                done = subprocess.run(
                    ["/bin/bash", "-c", asked["command"]],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    timeout=asked["limit_s"],
                    check=False,
                )
                status, output = done.returncode, done.stdout
            except subprocess.TimeoutExpired as late:
                status, output = 124, late.stdout or b""
            say({"number": asked["number"], "status": status, "output": output.decode(errors="replace")})


main()
