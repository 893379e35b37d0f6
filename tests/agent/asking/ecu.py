"""A simulated computer of a vehicle, on a real python-can bus, written from the standards (ISO 15765-2, SAE J1979,
ISO 14229-1) and not from the agent: its own test holds it against their examples.

What it can be told to do wrong is in `Ecu`'s attributes, which a test sets while it runs.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Self

import can

VIN = "VR3CANL1FT0000001"


class Ecu:
    """Answers on `answer` what is asked on `request`, or to all on `functional`, until it is closed."""

    def __init__(self, bus: can.BusABC, request: int = 0x7E0, answer: int = 0x7E8, functional: int = 0x7DF) -> None:
        self.pids: dict[int, bytes] = {
            0x05: bytes.fromhex("7B"),
            0x0C: bytes.fromhex("1AF8"),
            0x0D: bytes.fromhex("28"),
            0x2F: bytes.fromhex("80"),
            0xA6: bytes.fromhex("00010932"),
        }
        self.identifiers: dict[int, bytes] = {0xF190: VIN.encode(), 0xD410: bytes.fromhex("8000")}
        self.vin = VIN
        self.stored = [bytes.fromhex("0133"), bytes.fromhex("C100")]
        self.pending = [bytes.fromhex("0420")]
        self.permanent: list[bytes] = []
        self.codes = [bytes.fromhex("01338708"), bytes.fromhex("C1000004"), bytes.fromhex("91220009")]
        """Of UDS: code, failure type, status."""
        self.refuses: dict[bytes, int] = {}
        """Reasons, by what a question begins with."""
        self.silent = False
        self.one_at_a_time = False
        """It answers the first PID of a question only."""
        self.pending_first = 0
        """Times that it says 78 before it answers."""
        self.never_ends = False
        """After the second frame of a long answer it says nothing more."""
        self.skips_a_frame = False
        self.questions: list[bytes] = []
        self.flow_controls = 0
        self._bus = bus
        self._request, self._answer, self._functional = request, answer, functional
        self._extended = answer > 0x7FF
        self._go_on = threading.Event()
        self._separation_s = 0.0
        self._closed = threading.Event()
        self._listener = threading.Thread(target=self._listen)
        self._speaker: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._go_on.set()
        self._listener.join()
        if self._speaker is not None:
            self._speaker.join()

    def answer_to(self, question: bytes) -> bytes | None:
        """What it says; None for nothing."""
        for start, reason in self.refuses.items():
            if question.startswith(start):
                return bytes([0x7F, question[0], reason])
        service, rest = question[0], question[1:]
        if service == 0x01:
            return self._current_data(rest)
        if service == 0x09 and rest == b"\x02":
            return bytes.fromhex("490201") + self.vin.encode()
        if service in (0x03, 0x07, 0x0A):
            codes = {0x03: self.stored, 0x07: self.pending, 0x0A: self.permanent}[service]
            return bytes([service + 0x40, len(codes)]) + b"".join(codes)
        if service == 0x22 and len(rest) == 2:
            value = self.identifiers.get(int.from_bytes(rest, "big"))
            return bytes.fromhex("7F2231") if value is None else b"\x62" + rest + value
        if service == 0x19 and rest[:1] == b"\x02":
            return bytes.fromhex("5902FF") + b"".join(code for code in self.codes if code[3] & rest[1])
        return bytes([0x7F, service, 0x11])

    def _current_data(self, asked: bytes) -> bytes | None:
        answer = b"\x41"
        for pid in asked:
            value = self._supported(pid) if pid % 0x20 == 0 else self.pids.get(pid)
            if value is not None:
                answer += bytes([pid]) + value
            if self.one_at_a_time:
                break
        # Who does not have it says nothing, as SAE J1979 has it for questions to all.
        return answer if len(answer) > 1 else None

    def _supported(self, base: int) -> bytes | None:
        bits = sum(1 << (32 - (pid - base)) for pid in self.pids if base < pid <= base + 32)
        bits |= any(pid > base + 32 for pid in self.pids)
        return bits.to_bytes(4, "big") if bits else None

    def _listen(self) -> None:
        while not self._closed.is_set():
            message = self._bus.recv(0.05)
            if message is None or message.arbitration_id not in (self._request, self._functional):
                continue
            data = bytes(message.data)
            if data[0] >> 4 == 3:
                self.flow_controls += 1
                self._separation_s = data[2] / 1000 if data[2] <= 0x7F else 0.0
                self._go_on.set()
            elif data[0] >> 4 == 0 and 0 < data[0] <= 7:
                question = data[1 : 1 + data[0]]
                self.questions.append(question)
                if not self.silent:
                    self._say(question)

    def _say(self, question: bytes) -> None:
        for _ in range(self.pending_first):
            self._send(bytes([3, 0x7F, question[0], 0x78]))
            time.sleep(0.05)
        answer = self.answer_to(question)
        if answer is None:
            return
        if len(answer) <= 7:
            self._send(bytes([len(answer)]) + answer)
            return
        # Who asks again does not want the rest of the answer before any more.
        given_up, self._go_on = self._go_on, threading.Event()
        given_up.set()
        self._send((0x1000 | len(answer)).to_bytes(2, "big") + answer[:6])
        self._speaker = threading.Thread(target=self._go_on_with, args=(answer, self._go_on))
        self._speaker.start()

    def _go_on_with(self, answer: bytes, go_on: threading.Event) -> None:
        # N_Bs: a second for the flow control, and longer here, since the machine may be busy.
        if not go_on.wait(60):
            return
        for number, start in enumerate(range(6, len(answer), 7), 1):
            if self._closed.is_set() or go_on is not self._go_on or (self.never_ends and number > 1):
                return
            if not (self.skips_a_frame and number == 2):
                self._send(bytes([0x20 | number % 16]) + answer[start : start + 7])
            time.sleep(self._separation_s)

    def _send(self, data: bytes) -> None:
        self._bus.send(
            can.Message(arbitration_id=self._answer, is_extended_id=self._extended, data=data.ljust(8, b"\xaa"))
        )
