"""Debian's own kernel, for QEMU: unpacked and not installed, with those of its modules that beds need, and an initrd.

    vmlinux                     not packed: emulated, it would spend seconds on unpacking itself
    lib/modules/VERSION/        as modprobe wants it

It is kept like all that beds are made of (`tests.beds.box.cache`), whatever version it was.
"""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.beds.box.cache import kept
from tests.conftest import absent, needed
from tests.persisting import persisting

_KINDS = (
    "net/can/*", "drivers/net/can/*", "fs/9p/*", "net/9p/*", "fs/netfs/*", "fs/fscache/*", "drivers/virtio/*",
    "drivers/block/virtio_blk.ko", "drivers/net/virtio_net.ko", "drivers/net/net_failover.ko", "net/core/failover.ko",
    "drivers/usb/common/*", "drivers/usb/core/*", "drivers/usb/host/xhci*", "drivers/usb/serial/*",
    "drivers/usb/class/*", "fs/ext4/*", "fs/jbd2/*", "fs/mbcache.ko", "lib/*", "crypto/*", "arch/x86/crypto/crc32c*",
)  # fmt: skip
_UNPACKED = ("boot/vmlinuz*", "lib/modules/*/modules.*", *(f"lib/modules/*/kernel/{kind}" for kind in _KINDS))
_XZ = b"\xfd7zXZ\x00"


def kernel() -> Path:
    """The folder described above. Where Debian's archive is out of reach the test is skipped, but in CI it fails."""
    for program, package in (("cpio", "cpio"), ("busybox", "busybox-static"), ("depmod", "kmod")):
        needed(program, package)
    try:
        return kept("kernel", _UNPACKED, _unpack)
    except (OSError, RuntimeError, subprocess.CalledProcessError) as wrong:
        absent(f"Debian's kernel cannot be had: {wrong}")


def _unpack(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="bed.", dir=folder) as name:
        work = Path(name)
        package = persisting(lambda: _downloaded(work))
        archive = work / "archive.tar"
        with archive.open("wb") as tar:
            subprocess.run(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=tar, check=True)
        wanted = [f"./{pattern}" for pattern in _UNPACKED]
        subprocess.run(["tar", "-x", "-C", str(work), "-f", str(archive), "--wildcards", *wanted], check=True)
        (modules,) = (work / "lib/modules").iterdir()
        shutil.move(modules, folder / "lib/modules" / modules.name)
        _output(["depmod", "-b", str(folder), modules.name])
        (image,) = (work / "boot").glob("vmlinuz*")
        packed = image.read_bytes()
        (folder / "vmlinux").write_bytes(lzma.LZMADecompressor().decompress(packed[packed.find(_XZ) :]))


def _downloaded(work: Path) -> Path:
    """The kernel's package. apt's lists are made for this once: those of the machine may be old, absent, or locked by
    somebody else who makes them."""
    for name in ("lists", "cache"):
        (work / name).mkdir(exist_ok=True)
    apart = ["-q", "-o", f"Dir::State::Lists={work / 'lists'}", "-o", f"Dir::Cache={work / 'cache'}"]
    try:
        _output(["apt-get", *apart, "update"])
        found = re.search(r"Depends: (linux-image-\S+)", _output(["apt-cache", *apart, "depends", "linux-image-amd64"]))
        if found is None:
            raise RuntimeError("apt-cache knows no linux-image-amd64")
        subprocess.run(["apt-get", *apart, "download", found[1]], cwd=work, check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as failed:
        raise RuntimeError(f"{failed}: {failed.stderr}") from failed
    (package,) = work.glob("*.deb")
    return package


def initrd(folder: Path, modules: Sequence[str], script: str, files: dict[str, str] | None = None) -> Path:
    """An archive made in a folder: busybox, and `script` as its /init once `modules`, and those that they need, are
    loaded and /proc, /sys and /dev are there. `files` are by their names in /."""
    tree = folder / "tree"
    for name in ("bin", "proc", "sys", "dev", "root", "modules"):
        (tree / name).mkdir(parents=True)
    shutil.copy(needed("busybox", "busybox-static"), tree / "bin/busybox")
    order: dict[str, None] = {}
    for path in _needed_by(modules):
        shutil.copy(path, tree / "modules")
        order[path.name] = None
    init = tree / "init"
    init.write_text(
        "#!/bin/busybox sh\nb=/bin/busybox\n"
        "$b mount -t proc proc /proc\n$b mount -t sysfs sys /sys\n$b mount -t devtmpfs dev /dev\n"
        f"for module in {' '.join(order)}; do $b insmod /modules/$module; done\n{script}"
    )
    init.chmod(0o755)
    for name, text in (files or {}).items():
        (tree / name).write_text(text)
    archive = folder / "initrd"
    names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
    with archive.open("wb") as opened:
        subprocess.run(
            ["cpio", "-o", "-H", "newc", "--quiet"], input=names.encode(), cwd=tree, stdout=opened, check=True
        )
    return archive


def _needed_by(modules: Sequence[str]) -> list[Path]:
    """The modules' files, each after those that it needs. What is built in has none."""
    root = kernel()
    (version,) = (path.name for path in (root / "lib/modules").iterdir())
    ask = ["modprobe", "-d", str(root), "-S", version, "--show-depends"]
    said = [line for module in modules for line in _output([*ask, module]).splitlines()]
    return [Path(line.removeprefix("insmod ").strip()) for line in said if line.startswith("insmod ")]


def _output(words: Sequence[str]) -> str:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, "PATH": path}).stdout
