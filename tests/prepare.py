"""Before the tests: install what they need where that is allowed, and say plainly what is left out otherwise.

In CI (`CI=true`) nothing may be left out: then it exits 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.beds import xstate
from tests.persisting import persisting

# Debian package → the program that shows it is there.
NEEDED = {
    "mosquitto": "mosquitto",
    "curl": "curl",
    "openssl": "openssl",
    "gpsd": "gpsd",
    "user-mode-linux": "linux.uml",
    "can-utils": "candump",
    "iproute2": "ip",
    "kmod": "insmod",
    "qemu-system-x86": "qemu-system-x86_64",
    "busybox-static": "busybox",
    "cpio": "cpio",
    "podman": "podman",
    "runc": "runc",
    "netavark": "/usr/lib/podman/netavark",
    "aardvark-dns": "/usr/lib/podman/aardvark-dns",
    "iptables": "iptables",
    "nftables": "nft",
    "jq": "jq",
    "mmdebstrap": "mmdebstrap",
    "systemd": "systemd-analyze",
    "shellcheck": "shellcheck",
    "qemu-user-static": "qemu-aarch64-static",
    "systemd-container": "systemd-nspawn",
    "e2fsprogs": "mkfs.ext4",
}
if xstate.is_larger():
    NEEDED |= {"gcc": "gcc", "libc6-dev": "gcc"}
SHARED = Path(__file__).resolve().parents[2] / "shared"


def missing() -> list[str]:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"
    return [package for package, program in NEEDED.items() if shutil.which(program, path=path) is None]


def install(packages: list[str]) -> None:
    """As root on Debian; elsewhere, and without a network, they stay missing."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    print(f"installing {' '.join(packages)} …", flush=True)
    try:
        persisting(lambda: _apt_get(packages))
    except RuntimeError as failed:
        print(failed, file=sys.stderr)


def _apt_get(packages: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # A source of the machine's that is of no use here may be out of reach.
    subprocess.run(["apt-get", "update", "-q"], env=environment, stdout=subprocess.DEVNULL, check=False)
    # Where somebody else installs something, it waits.
    words = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", *packages]
    installed = subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, check=False)
    if installed.returncode:
        raise RuntimeError(f"{' '.join(words)}: status {installed.returncode}")


def main() -> int:
    if packages := missing():
        install(packages)
    left_out = []
    if packages := missing():
        names = " ".join(packages)
        left_out.append(f"the tests that need {names} (as root: apt-get install {names})")
    if not SHARED.is_dir():
        left_out.append("the tests on real recordings and published specifications (expected at ../shared)")
    for what in left_out:
        print(f"Left out: {what}.", flush=True)
    if left_out and os.environ.get("CI") == "true":
        print("In CI nothing may be left out.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
