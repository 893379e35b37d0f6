"""Before the tests: install what they need where that is allowed, and say plainly what is left out otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

# Debian package → the program that shows it is there.
NEEDED = {"mosquitto": "mosquitto"}


def missing() -> list[str]:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    return [package for package, program in NEEDED.items() if shutil.which(program, path=path) is None]


def main() -> int:
    packages = missing()
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"installing {' '.join(packages)} …", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
        for command in (["apt-get", "update", "-q"], install):
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
        packages = missing()
    if packages:
        print(f"Left out: the tests that need {', '.join(packages)} (as root: apt-get install {' '.join(packages)}).")
        if os.environ.get("CI") == "true":
            return 1
    if not (Path(__file__).resolve().parents[2] / "shared").is_dir():
        print("Left out: the tests on real recordings and published specifications (expected at ../shared).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
