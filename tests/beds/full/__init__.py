"""The box of `tests.beds.box` in QEMU, with what only a whole machine has: CAN controllers, USB, a clock and a disk."""
