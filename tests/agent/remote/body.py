"""A body controller on a bus of python-can: it says how it is, and does what it is told if the checksum fits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import can

from agent.decode.checksums import crc8_j1850

CYCLE_S = 0.02
LOCK, HORN, LIGHTS, CHARGE, IMMOBILIZER = 0x300, 0x301, 0x303, 0x304, 0x305
REQUEST, ANSWER = 0x744, 0x764
SETTLED_CYCLES = 25
PATIENCE_S = 60.0
_HEAT, _DO_NOT_HEAT, _GUIDE = (bytes.fromhex(start) for start in ("3101f010", "3102f010", "3101f011"))
_SET_START, _SET_END = bytes.fromhex("2ed020"), bytes.fromhex("2ed021")


class Body:
    """Speaks and listens from a thread of its own until closed."""

    def __init__(self, open_bus: Callable[[], can.BusABC]) -> None:
        self.speed_kmh = 0.0
        self.door_open = False
        self.locks = 2
        self.horn = False
        self.heating = False
        self.lights = False
        self.immobilized = False
        self.charging = False
        self.station_is_faulty = False
        self.level_percent = 80
        self.charging_power = 0
        self.charges_fully = False
        self.programs: dict[int, bytes] = {}
        """Of charging, by slot: enabled, hour, minute, hour and minute of the end, days."""
        self.places = 0
        """The number of the last place that it was sent to."""
        self.obeys = True
        """Whether it does what it is told."""
        self.speaks = True
        self.wakes_by: int | None = None
        """An id that wakes it when it does not speak."""
        self.sends_horn = False
        """Whether somebody else sends the horn's message too, with a counter of its own."""
        self.busy = 0
        """How often it says that it is busy, or needs longer, before it answers."""
        self.refuses: int | None = None
        """The reason that it refuses routines with."""
        self.is_stuck = False
        """Whether it says that it needs longer, and then nothing more."""
        self.silent = False
        """Whether it answers no requests."""
        self._heard: list[can.Message] = []
        self._emptied = 0
        """How often it found that there is nothing more to hear."""
        self.requests: list[bytes] = []
        self.wrong: list[bytes] = []
        """Frames of the horn or the immobilizer whose checksum was not right."""
        self._counters: dict[int, int] = {}
        self._said = 0
        """How often it said how it is."""
        self._bus = open_bus()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._bus.shutdown()

    @property
    def heard(self) -> list[can.Message]:
        """All that was sent before this is asked, also what had not been read yet."""
        emptied, until_s = self._emptied, time.monotonic() + PATIENCE_S
        # Twice: the first may have been found empty before what was sent last.
        while self._thread.is_alive() and self._emptied < emptied + 2:
            assert time.monotonic() < until_s
            time.sleep(CYCLE_S / 10)
        return list(self._heard)

    def sent(self, number: int) -> list[bytes]:
        """What was heard on an id."""
        return [bytes(message.data) for message in self.heard if message.arbitration_id == number]

    def says(self, **changes: object) -> None:
        """It is another way from now on, and has said so for longer than the agent takes to read it."""
        for name, value in changes.items():
            assert hasattr(self, name), name
            setattr(self, name, value)
        said, until_s = self._said, time.monotonic() + PATIENCE_S
        while changes and self.speaks and self._said < said + SETTLED_CYCLES:
            assert time.monotonic() < until_s
            time.sleep(CYCLE_S)

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self._closed.is_set():
            message = self._bus.recv(max(0.0, due_s - time.monotonic()))
            if message is None:
                self._emptied += 1
            else:
                self._hear(message)
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + CYCLE_S
                if self.speaks:
                    self._speak()

    def _speak(self) -> None:
        self._said += 1
        speed = round(self.speed_kmh * 100)
        self._send(0x100, speed.to_bytes(2, "little") + bytes((self.door_open, 0, 0, 0, 0, 0)))
        switches = self.horn << 2 | self.heating << 3 | self.lights << 4 | self.immobilized << 5
        self._send(0x200, bytes((self.locks | switches, 0, 0, 0, 0, 0, 0, 0)))
        charging = self.charging | self.station_is_faulty << 2
        programs = sum(1 << slot - 1 for slot in self.programs)
        preferred = self.charging_power | self.charges_fully << 3
        self._send(0x201, bytes((charging, self.level_percent, preferred, programs, 0, 0, 0, 0)))
        self._send(0x202, bytes((self.places, 0, 0, 0, 0, 0, 0, 0)))
        if self.sends_horn:
            self._counters[HORN] = (self._counters.get(HORN, 0) + 1) % 16
            data = bytes((0b100, 0x44, self._counters[HORN] << 4))
            self._send(HORN, data + bytes((crc8_j1850(data) ^ 0xFF,)))

    def _send(self, number: int, data: bytes) -> None:
        self._bus.send(can.Message(arbitration_id=number, data=data, is_extended_id=False))

    def _hear(self, message: can.Message) -> None:
        self._heard.append(message)
        number, data = message.arbitration_id, bytes(message.data)
        if number == self.wakes_by:
            self.speaks = True
        if number == LOCK and self.obeys:
            self.locks = data[0] >> 4
        elif number == HORN and self._is_new(number, data):
            self.horn = data[0] & 3 == 1
        elif number == IMMOBILIZER and self._is_new(number, data):
            self.immobilized = data[0] & 3 == 1
        elif number == LIGHTS and self.obeys:
            self.lights = data[0] & 3 == 1
        elif number == CHARGE and self.obeys:
            self._charge(data)
        elif number == REQUEST and data[0] >> 4 == 0 and not self.silent:
            self._asked(data[1 : 1 + data[0]])

    def _is_new(self, number: int, data: bytes) -> bool:
        """Whether a frame with a counter and a checksum is to be obeyed: one that is repeated as it was is not."""
        if data[3] != crc8_j1850(data[:3]) ^ 0xFF:
            self.wrong.append(data)
            return False
        before, self._counters[number] = self._counters.get(number), data[2] >> 4
        return self.obeys and before != self._counters[number]

    def _charge(self, data: bytes) -> None:
        command = data[0] & 7
        if command in (1, 2):
            self.charging = command == 1
        elif command == 3:
            self.charging_power = data[1] & 7
        elif command == 4:
            self.charges_fully = bool(data[1] & 8)

    def _asked(self, request: bytes) -> None:
        self.requests.append(request)
        if self.busy:
            self.busy -= 1
            self._answer(bytes((0x7F, request[0], 0x21)))
            return
        self._answer(bytes((0x7F, request[0], 0x78)))  # It needs longer, always.
        if self.is_stuck:
            return
        if self.refuses is not None and request[0] == 0x31:
            self._answer(bytes((0x7F, request[0], self.refuses)))
            return
        if self.obeys:
            self._do(request)
        echoed = {0x10: 2, 0x2E: 3, 0x31: 4}[request[0]]
        self._answer(bytes((request[0] + 0x40,)) + request[1:echoed])

    def _do(self, request: bytes) -> None:
        if request[:4] in (_HEAT, _DO_NOT_HEAT):
            self.heating = request[:4] == _HEAT
        elif request[:4] == _GUIDE:
            self.places = request[4]
        elif request[:3] == _SET_START:
            self.programs[request[3]] = request[4:7]
        elif request[:3] == _SET_END:
            self.programs[request[3]] = self.programs.get(request[3], b"") + request[4:7]

    def _answer(self, message: bytes) -> None:
        self._send(ANSWER, (bytes((len(message),)) + message).ljust(8, b"\x55"))
