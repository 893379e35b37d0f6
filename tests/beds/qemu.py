"""A kernel with ISO-TP: Debian's own, in QEMU without the processor's help, its root this machine's tree, read-only.

It is what user-mode Linux (`tests.beds.uml`) lacks, and slow: code takes some fifteen times longer than here. So only
what needs the kernel's ISO-TP runs in it. A command runs in the project's folder with `vcan0` and `vcan1`; what it
writes, to `/tmp`, `/run` or `/dev/shm`, is gone with the guest.

    python -m tests.beds.qemu [pytest arguments]      tests/beds/can/test_asking.py unless said otherwise
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.beds.kernel import initrd, kernel
from tests.beds.mortal import mortal
from tests.beds.uml import INSIDE, ROOT, Finished

QEMU = "qemu-system-x86_64"
PACKAGE = "qemu-system-x86"
_MACHINE = "-accel tcg,thread=multi -cpu max -smp 2 -m 768 -nographic -no-reboot -nic none"
_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "can-raw", "can-isotp", "vcan")
_STATUS = "bed status"
_INIT = f"""$b mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 tree /root
for folder in tmp run var/tmp; do $b mount -t tmpfs tmp /root/$folder; done
for folder in dev proc sys; do $b mount --move /$folder /root/$folder; done
$b mkdir -p /root/dev/shm /root/dev/pts
$b mount -t tmpfs shm /root/dev/shm
$b ip link set lo up
for bus in vcan0 vcan1; do $b ip link add $bus type vcan; $b ip link set $bus mtu 72 up; done
$b cp /command /root/run/command
$b chroot /root /bin/bash /run/command
echo "{_STATUS} $?"
$b poweroff -f
"""


def run(words: Sequence[str], limit_s: float) -> Finished:
    """Runs a command in the guest, in the project's folder. After `limit_s` seconds the guest is switched off."""
    vmlinux = kernel() / "vmlinux"
    with tempfile.TemporaryDirectory(prefix="bed.") as name:
        bed = Path(name)
        archive = initrd(bed, _MODULES, _INIT, {"command": _command(words)})
        boot = [QEMU, *_MACHINE.split()]
        boot += ["-kernel", str(vmlinux), "-initrd", str(archive)]
        boot += ["-append", "console=ttyS0 quiet panic=-1 random.trust_cpu=on"]
        boot += ["-virtfs", "local,path=/,mount_tag=tree,security_model=none,readonly=on,multidevs=remap"]
        log = bed / "output"
        with log.open("wb") as output:
            process = subprocess.Popen(mortal(*boot), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
            late = False
            try:
                process.wait(limit_s)
            except subprocess.TimeoutExpired:
                late = True
            finally:
                process.kill()
                process.wait()
        text = log.read_bytes().decode(errors="replace").replace("\r\n", "\n")
    text, _, status = text.rpartition(f"{_STATUS} ")
    if late or not text:
        return Finished(None, f"{text}{status}\nnot done within {limit_s:g} s" if late else status)
    return Finished(int(status.split()[0]), text)


def _command(words: Sequence[str]) -> str:
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    environment = f"export PATH={path} HOME=/tmp {INSIDE}=qemu PYTHONDONTWRITEBYTECODE=1"
    return f"cd {shlex.quote(str(ROOT))}\n{environment}\n{shlex.join(words)}\n"


def pytest_words(arguments: Sequence[str]) -> list[str]:
    plugins = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    return [sys.executable, "-m", "pytest", *plugins, "--basetemp=/tmp/pytest", *arguments]


def main() -> int:
    finished = run(pytest_words(sys.argv[1:] or ["tests/beds/can/test_asking.py"]), 900)
    print(finished.output)
    return 125 if finished.status is None else finished.status


if __name__ == "__main__":
    sys.exit(main())
