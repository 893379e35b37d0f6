"""Opens a bus for talking: by the kernel where it is SocketCAN, else through the interface that reads it anyway."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from agent.asking.address import Address
from agent.bus.interface import Interface
from agent.settings.bus import BusSettings

if TYPE_CHECKING:
    from agent.asking.lines.library import Wire
    from agent.asking.lines.line import Line


def open_wire(given: BusSettings, interface: Interface | None, ids: Collection[tuple[int, bool]]) -> Wire:
    """Single frames of some ids, each with whether it has 29 bits. `interface` reads the bus; None: SocketCAN does.
    Raises OSError."""
    if given.interface == "socketcan":
        from agent.asking.lines.sockets import SocketWire

        return SocketWire(given.channel, ids)
    from agent.asking.lines.tap import TapWire

    if interface is None:
        raise OSError(f"{given.interface} {given.channel} is not read")
    return TapWire(interface, ids)


def open_line(given: BusSettings, interface: Interface | None, addresses: Collection[Address]) -> Line:
    """Messages to and from some computers. Raises OSError."""
    if given.interface == "socketcan":
        from agent.asking.lines.kernel import KernelLine, kernel_has_isotp

        if kernel_has_isotp():
            return KernelLine(given.channel, addresses)
    from agent.asking.lines.library import LibraryLine

    ids = {
        (number, address.extended)
        for address in addresses
        for number in (address.request, address.physical, address.answer)
    }
    return LibraryLine(open_wire(given, interface, ids), addresses)
