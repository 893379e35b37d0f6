"""AT commands (ITU-T V.250, 3GPP TS 27.007) on a serial port: one command, its lines, its final result.

Between a command and its result come, in any order: the command itself where the modem echoes, the lines that answer it
(they begin with the command's name: `+CSQ: 20,99`), and what the modem says by itself (*unsolicited*: `+CREG: 1`,
`RING`, `^RSSI:18`). A line is told by its beginning: one that begins with the name that the caller expects is an
answer, any other is unsolicited. `+CREG: 1` while `AT+CREG?` is under way is both by its name: there the caller says
what an answer looks like.

A modem that says nothing within the time-out is asked nothing more until what it may still say of the last command has
been thrown away. So is one whose port was just opened: this port may have been closed for such a silence, by us or by
whoever had it before, and nothing that it says tells a late `OK` from that of the next command.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import serial

TIMEOUT_S = 5.0
_LONGEST_LINE = 1024
_PAUSE_S = 0.05
_MOST_LINES = 256
"""Of one answer; a port that talks without end is no modem."""
_SETTLE_S = 0.3
_FINAL = re.compile(r"OK|ERROR|NO CARRIER|NO ANSWER|NO DIALTONE|BUSY|\+CM[ES] ERROR: ?(.*)")


class AtError(Exception):
    """The modem said no. `code` is that of +CME ERROR, or its text; None for a plain ERROR."""

    def __init__(self, command: str, result: str, code: str | None) -> None:
        super().__init__(f"{command}: {result}")
        self.code = code


class NoAnswerError(Exception):
    """The modem said no final result in time."""


class Line:
    """A modem's port, opened. Raises serial.SerialException or OSError from every method once the port is gone."""

    def __init__(self, port: str, baud: int, unsolicited: Callable[[str], None] = lambda _: None) -> None:
        self._port = serial.Serial(port, baud, timeout=_PAUSE_S, write_timeout=TIMEOUT_S)
        self._unsolicited = unsolicited
        self._rest = b""
        self._unsettled = True

    def close(self) -> None:
        self._port.close()

    def ask(
        self,
        command: str,
        name: str = "",
        accepts: Callable[[str], bool] = lambda _: True,
        timeout_s: float = TIMEOUT_S,
    ) -> list[str]:
        """Sends `AT` and `command`; what follows `name` (`+CSQ`) in the lines that begin with it and are accepted.

        Raises AtError, NoAnswerError.
        """
        if self._unsettled:
            self._settle()
        text = f"AT{command}"
        self._port.write(f"{text}\r".encode("ascii"))
        deadline = time.monotonic() + timeout_s
        found: list[str] = []
        for _ in range(_MOST_LINES):
            line = self._line(deadline)
            if line is None:
                break
            final = _FINAL.fullmatch(line)
            if line == "OK":
                return found
            if final is not None:
                raise AtError(text, line, final[1])
            if line == text:
                continue
            answer = line.removeprefix(f"{name}:").strip() if name and line.startswith(f"{name}:") else ""
            if answer and accepts(answer):
                found.append(answer)
            else:
                self._unsolicited(line)
        self._unsettled = True
        raise NoAnswerError(f"{text}: no result within {timeout_s:g} s")

    def listen(self, wait_s: float) -> None:
        """Hands on what the modem says by itself; waits for that up to `wait_s`."""
        if b"\n" not in self._rest:
            self._port.timeout = wait_s
            self._rest += self._port.read(1)
            self._port.timeout = _PAUSE_S
        while self._port.in_waiting or b"\n" in self._rest:
            line = self._line(time.monotonic() + _PAUSE_S)
            if line is None:
                return
            self._unsolicited(line)

    def _settle(self) -> None:
        """Throws away what is still said of the last command."""
        deadline = time.monotonic() + _SETTLE_S
        while time.monotonic() < deadline:
            self._port.read(max(1, self._port.in_waiting))
        self._rest = b""
        self._unsettled = False

    def _line(self, deadline: float) -> str | None:
        """The next line that is not empty; None at the deadline."""
        while True:
            while b"\n" in self._rest:
                line, self._rest = self._rest.split(b"\n", 1)
                text = line.decode("ascii", "replace").strip("\r \0")
                if text:
                    return text
            # The echo ends with a carriage return alone; the result begins with another line.
            if time.monotonic() >= deadline:
                return None
            self._rest += self._port.read(max(1, self._port.in_waiting))
            if len(self._rest) > _LONGEST_LINE and b"\n" not in self._rest:
                self._rest = b""
