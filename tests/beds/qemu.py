"""A kernel with ISO-TP: Debian's own, in QEMU without the processor's help, its root this machine's tree, read-only.

It is what user-mode Linux (`tests.beds.uml`) lacks, and slow: code takes some fifteen times longer than here. So only
what needs the kernel's ISO-TP runs in it. A command runs in the project's folder with `vcan0` and `vcan1`; what it
writes, to `/tmp`, `/run` or `/dev/shm`, is gone with the guest.

    python -m tests.beds.qemu [pytest arguments]      tests/beds/can/test_asking.py unless said otherwise

The kernel is a Debian package, unpacked and not installed, into `build/beds`.
"""

from __future__ import annotations

import lzma
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.beds.uml import INSIDE, ROOT, Finished

QEMU = "qemu-system-x86_64"
PACKAGE = "qemu-system-x86"
KEPT = ROOT / "build" / "beds"
_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "can-raw", "can-isotp", "vcan")
_UNPACKED = ("boot/vmlinuz*", *(f"lib/modules/*/{part}" for part in (
    "modules.*", "kernel/net/can/*", "kernel/drivers/net/can/vcan.ko", "kernel/drivers/net/can/dev/*", "kernel/fs/9p/*",
    "kernel/net/9p/*", "kernel/fs/netfs/*", "kernel/fs/fscache/*", "kernel/drivers/virtio/*",
)))  # fmt: skip
_XZ = b"\xfd7zXZ\x00"
_STATUS = "bed status"
_INIT = """#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
for module in {modules}; do $b insmod /modules/$module; done
$b mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 tree /tree
for folder in tmp run var/tmp; do $b mount -t tmpfs tmp /tree/$folder; done
for folder in dev proc sys; do $b mount --move /$folder /tree/$folder; done
$b mkdir -p /tree/dev/shm /tree/dev/pts
$b mount -t tmpfs shm /tree/dev/shm
$b ip link set lo up
for bus in vcan0 vcan1; do $b ip link add $bus type vcan; $b ip link set $bus mtu 72 up; done
$b cp /command /tree/run/command
$b chroot /tree /bin/bash /run/command
echo "{status} $?"
$b poweroff -f
"""


def unpack_kernel(folder: Path) -> None:
    """Puts the kernel `vmlinux` and its modules, in the order of their loading, into a folder. Raises OSError and
    CalledProcessError where Debian's archive is out of reach."""
    with tempfile.TemporaryDirectory(prefix="bed.") as name:
        work = Path(name)
        depends = _output(["apt-cache", "depends", "linux-image-amd64"])
        found = re.search(r"Depends: (linux-image-\S+)", depends)
        if found is None:
            raise OSError("apt-cache knows no linux-image-amd64: as root, apt-get update")
        subprocess.run(["apt-get", "download", "-q", found[1]], cwd=work, check=True, capture_output=True)
        (package,) = work.glob("*.deb")
        archive = work / "archive.tar"
        with archive.open("wb") as tar:
            subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=tar, check=True)
        wanted = [f"./{pattern}" for pattern in _UNPACKED]
        subprocess.run(["tar", "-x", "-C", str(work), "-f", str(archive), "--wildcards", *wanted], check=True)
        (version,) = (path.name for path in (work / "lib/modules").iterdir())
        subprocess.run(["depmod", "-b", str(work), version], check=True)
        modules = folder / "modules"
        modules.mkdir(parents=True, exist_ok=True)
        order: list[str] = []
        for module in _MODULES:
            for line in _output(["modprobe", "-d", str(work), "-S", version, "--show-depends", module]).splitlines():
                path = Path(line.removeprefix("insmod ").strip())
                if path.name not in order:
                    order.append(path.name)
                    shutil.copy(path, modules / path.name)
        (modules / "order").write_text(" ".join(order))
        (image,) = (work / "boot").glob("vmlinuz*")
        packed = image.read_bytes()
        # Emulated, the kernel would spend seconds on unpacking itself.
        (folder / "vmlinux").write_bytes(lzma.LZMADecompressor().decompress(packed[packed.find(_XZ) :]))


def run(words: Sequence[str], limit_s: float) -> Finished:
    """Runs a command in the guest, in the project's folder. After `limit_s` seconds the guest is switched off."""
    if not (KEPT / "vmlinux").exists():
        unpack_kernel(KEPT)
    with tempfile.TemporaryDirectory(prefix="bed.") as name:
        bed = Path(name)
        initrd = _initrd(bed, words)
        boot = [
            QEMU,
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            "max",
            "-smp",
            "2",
            "-m",
            "768",
            "-nographic",
            "-no-reboot",
            "-nic",
            "none",
        ]
        boot += ["-kernel", str(KEPT / "vmlinux"), "-initrd", str(initrd)]
        boot += ["-append", "console=ttyS0 quiet panic=-1 random.trust_cpu=on"]
        boot += ["-virtfs", "local,path=/,mount_tag=tree,security_model=none,readonly=on,multidevs=remap"]
        log = bed / "output"
        with log.open("wb") as output:
            process = subprocess.Popen(boot, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
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


def _initrd(bed: Path, words: Sequence[str]) -> Path:
    tree = bed / "tree"
    for folder in ("bin", "proc", "sys", "dev", "tree"):
        (tree / folder).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "/bin/busybox", tree / "bin/busybox")
    shutil.copytree(KEPT / "modules", tree / "modules")
    order = (KEPT / "modules" / "order").read_text()
    init = tree / "init"
    init.write_text(_INIT.format(modules=order, status=_STATUS))
    init.chmod(0o755)
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    environment = f"export PATH={path} HOME=/tmp {INSIDE}=qemu PYTHONDONTWRITEBYTECODE=1"
    (tree / "command").write_text(f"cd {shlex.quote(str(ROOT))}\n{environment}\n{shlex.join(words)}\n")
    initrd = bed / "initrd"
    files = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    with initrd.open("wb") as archive:
        subprocess.run(
            ["cpio", "-o", "-H", "newc", "--quiet"], input=files.encode(), cwd=tree, stdout=archive, check=True
        )
    return initrd


def pytest_words(arguments: Sequence[str]) -> list[str]:
    plugins = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
    return [sys.executable, "-m", "pytest", *plugins, "--basetemp=/tmp/pytest", *arguments]


def _output(words: Sequence[str]) -> str:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, "PATH": path}).stdout


def main() -> int:
    finished = run(pytest_words(sys.argv[1:] or ["tests/beds/can/test_asking.py"]), 900)
    print(finished.output)
    return 125 if finished.status is None else finished.status


if __name__ == "__main__":
    sys.exit(main())
