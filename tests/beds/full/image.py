"""The disk of the box in a vehicle (`tests.beds.box.tree`) for Debian's own kernel, and what starts from it.

`can0` is not there at the start: it is what tests plug in. The other station on its wire is called `car0`, and the
demo's drive is played on it.
"""

from __future__ import annotations

from pathlib import Path

from tests.beds.box.cache import kept
from tests.beds.box.tree import disk as box_disk
from tests.beds.box.tree import done
from tests.beds.kernel import initrd, kernel

HERE = Path(__file__).resolve().parent
_FIRST_MODULES = ("virtio_pci", "virtio_blk", "ext4")
"""Those that reach the root's disk; udev loads the others."""
_INIT = """until [ -b /dev/vda ]; do $b sleep 0.1; done
$b mount -t ext4 -o rw /dev/vda /root
for folder in dev proc sys; do $b mount --move /$folder /root/$folder; done
exec $b switch_root /root /sbin/init
"""
_CHANGES = """set -e
mount -o loop "$1/disk.img" "$1/root"
cp -r "$2/lib/modules/." "$1/root/lib/modules/"
cp -r "$3/etc" "$1/root/"
rm "$1"/root/etc/systemd/network/80-vcan0.*
sed -i 's/channel = "vcan0"/channel = "can0"/' "$1/root/etc/canlift/agent.toml"
sed -i 's/vcan0=can0/car0=can0/' "$1/root/etc/systemd/system/drive.service"
sed -i 's,/dev/tty1,/dev/ttyS1,' "$1/root/etc/systemd/system/control.service"
umount "$1/root"
"""
"""$1: where the disk is, $2: the kernel, $3: what is added."""


def box_for_qemu() -> Path:
    """A folder with `disk.img` and `initrd`."""

    def make(folder: Path) -> None:
        done(["cp", "--sparse=always", str(box_disk()), str(folder / "disk.img")])
        (folder / "root").mkdir()
        # In a namespace of its own for mounts, so that nothing stays mounted whatever goes wrong.
        places = [str(folder), str(kernel()), str(HERE / "guest")]
        done(["unshare", "-m", "sh", "-c", _CHANGES, "sh", *places])
        initrd(folder, _FIRST_MODULES, _INIT)

    parts: list[str | Path] = [box_disk().parent.name, kernel().name, HERE / "guest", Path(__file__)]
    return kept("qemu-disk", parts, make)
