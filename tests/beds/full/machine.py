"""A box as a whole machine: QEMU without the processor's help, so some fifteen times slower than this one.

car0        a CAN controller at 500 kbit/s, on one wire with each that is plugged in by `plug_can`
/dev/vda    its root
/dev/vdb    what the agent keeps, with a table of disks as on the Raspberry Pi's page; every write may be recorded
vec0        the line to the broker
clock       that of a box whose battery is flat: 1 January 2020 at each start
USB         a serial adapter for each socket in `serial`, plugged in while somebody is connected to that
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.beds.box.machine import BoxError, Guest, Line
from tests.beds.full.image import box_for_qemu
from tests.beds.full.monitor import Monitor
from tests.beds.kernel import kernel
from tests.beds.qemu import PACKAGE, QEMU
from tests.conftest import needed

_MACHINE = "-M q35 -accel tcg,thread=multi -cpu max -smp 2 -m 512 -display none -nodefaults -no-reboot"
_DEAD_BATTERY = "-rtc base=2020-01-01T00:00:00,clock=vm"
_WIRE = "-object can-bus,id=wire -device kvaser_pci,canbus=wire,addr=1e.0 -device pcie-root-port,id=bay,io-reserve=4K"
_USB = "-device qemu-xhci -device virtio-rng-pci"
_KERNEL_WORDS = "console=ttyS0 quiet mitigations=off nokaslr panic=-1"


class FullBox(Guest):
    def __init__(
        self, root: Path, state: Path, console: Path, line: Line, *, serial: Sequence[str] = (), log: Path | None = None
    ) -> None:
        """Switches it on. `serial`: names of sockets to be made beside the console; `log`: gets all that is written to
        the disk `state` (`tests.beds.full.writelog`)."""
        folder = console.parent

        def words(channel: int) -> list[str]:
            boot = line.far.there(needed(QEMU, PACKAGE))
            for more in (_MACHINE, _DEAD_BATTERY):
                boot += more.split()
            boot += ["-kernel", str(kernel() / "vmlinux"), "-initrd", str(box_for_qemu() / "initrd")]
            boot += ["-append", _KERNEL_WORDS, "-serial", "stdio"]
            boot += ["-chardev", f"socket,id=channel,fd={channel}", "-serial", "chardev:channel"]
            boot += [
                "-drive",
                f"file={root},format=raw,cache=unsafe,if=none,id=root",
                "-device",
                "virtio-blk-pci,drive=root",
            ]
            boot += [*_state(state, log), "-device", "virtio-blk-pci,drive=state"]
            boot += ["-netdev", f"tap,id=line,ifname={line.device},script=no,downscript=no"]
            boot += ["-device", "virtio-net-pci,netdev=line", *_WIRE.split(), *_USB.split()]
            for name in serial:
                boot += ["-chardev", f"socket,id={name},path={folder / name},server=on,wait=off"]
                boot += ["-device", f"usb-serial,chardev={name},serial={name}"]
            return [*boot, "-qmp", f"unix:{folder / 'monitor'},server=on,wait=off"]

        super().__init__(words, console)
        try:
            self.monitor = Monitor(folder / "monitor")
        except (AssertionError, OSError):
            super().cut()
            raise BoxError(f"QEMU does not start\n{console.read_text(errors='replace')[-4000:]}") from None

    def plug_can(self) -> None:
        """Plugs in a second controller: `can0`, unless there is one."""
        self.monitor.plug("kvaser_pci", "adapter", canbus="wire", bus="bay")

    def unplug_can(self) -> None:
        self.monitor.unplug("adapter")

    def cut(self) -> None:
        """As often as one likes: the group of a process that was waited for may be another's by then."""
        if self._process.returncode is None:
            self.monitor.close()
            super().cut()


def _state(disk: Path, log: Path | None) -> list[str]:
    if log is None:
        return ["-blockdev", f"driver=file,filename={disk},node-name=state"]
    recorded = "driver=blklogwrites,node-name=state,file=plain,log=log,log-sector-size=512"
    files = {"plain": disk, "log": log}
    return [
        *(
            word
            for name, file in files.items()
            for word in ("-blockdev", f"driver=file,filename={file},node-name={name}")
        ),
        *("-blockdev", recorded),
    ]
