"""A modem on a pseudo-terminal: the commands of 3GPP TS 27.007 that matter here, with a state behind them.

It echoes until ATE0, answers in information lines between empty lines and a final result, says unsolicited lines
between any two lines where `chatter` has some, knows the forms of `+CREG=2`, forgets its network with +COPS=2 and its
radio with +CFUN=0, and loses its port with +CFUN=1,1.
"""

from __future__ import annotations

import os
import select
import threading
import time
import tty
from pathlib import Path
from typing import Self


class Modem:
    def __init__(self, link: Path) -> None:
        """The port is `link`, which goes and comes as a USB modem's does."""
        self.link = link
        self.echo = True
        self.verbose = False
        """Whether +CREG and its like answer with area, cell and technology."""
        self.sim = "READY"
        self.status = 1
        self.technology = 7
        self.operator = "20801"
        self.csq = "20,99"
        self.cesq: str | None = "99,99,255,255,20,60"
        self.unknown: set[str] = set()
        """Commands that it does not know."""
        self.chatter: list[str] = []
        self.silent = False
        """Whether it hears and says nothing."""
        self.unanswered: list[str] = []
        """Commands that it carries out without a word, once each."""
        self.heard: list[str] = []
        self.radio = True
        self._registered = True
        self._stop, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ours = -1
        self._theirs = -1
        self._lock = threading.Lock()
        self._changed = threading.Condition()

    def __enter__(self) -> Self:
        self.plug()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._wake, b"x")
        self._thread.join(60)
        self.unplug()
        os.close(self._stop)
        os.close(self._wake)

    def plug(self) -> None:
        with self._lock:
            self._ours, self._theirs = os.openpty()
            tty.setraw(self._theirs)
            self.link.symlink_to(os.ttyname(self._theirs))

    def unplug(self) -> None:
        with self._lock:
            self.link.unlink(missing_ok=True)
            for descriptor in (self._ours, self._theirs):
                if descriptor >= 0:
                    os.close(descriptor)
            self._ours = self._theirs = -1

    def says(self, line: str) -> None:
        """Unsolicited."""
        os.write(self._ours, f"\r\n{line}\r\n".encode())

    def says_for(self, seconds: float, line: str) -> None:
        """Unsolicited, again and again."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.says(line)
            time.sleep(0.005)

    def wait_for(self, command: str, seconds: float = 60) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: command in self.heard, seconds)

    def _run(self) -> None:
        rest = b""
        while True:
            ours = self._ours
            try:
                ready, _, _ = select.select([self._stop, *([ours] if ours >= 0 else [])], [], [], 0.1)
                if self._stop in ready:
                    return
                rest += os.read(ours, 1000) if ready else b""
            except OSError:  # It was unplugged meanwhile.
                rest = b""
                continue
            while b"\r" in rest:
                line, rest = rest.split(b"\r", 1)
                self._command(line.decode("ascii", "replace").strip())

    def _command(self, line: str) -> None:
        with self._changed:
            self.heard.append(line)
            self._changed.notify_all()
        if self.silent:
            return
        if line in self.unanswered:
            self.unanswered.remove(line)
            self._answer(line)
            return
        out = f"{line}\r" if self.echo else ""
        for each in [*self._answer(line), ""]:
            for chatter in self.chatter:
                out += f"\r\n{chatter}\r\n"
            out += f"\r\n{each}\r\n" if each else ""
        try:
            os.write(self._ours, out.encode())
        except OSError:
            return
        if line == "AT+CFUN=1,1":
            self.radio = self._registered = True
            self.unplug()

    def _answer(self, line: str) -> list[str]:
        """Information lines and the final result."""
        command = line.removeprefix("AT")
        if command in self.unknown:
            return ["ERROR"]
        status = self.status if self._registered and self.radio else 0
        if command in ("", "+CFUN=1,1", "+COPS=3,2") or command.startswith("+CREG="):
            return ["OK"]
        if command in ("E0", "E1"):
            self.echo = command == "E1"
            return ["OK"]
        if command == "+CPIN?":
            return [f"+CPIN: {self.sim}", "OK"] if not self.sim.isdigit() else [f"+CME ERROR: {self.sim}"]
        if command in ("+C5GREG?", "+CEREG?", "+CREG?"):
            cell = f',"00C3","01A2D3E4",{self.technology}' if self.verbose and status in (1, 5) else ""
            return [f"{command[:-1]}: {2 if self.verbose else 0},{status}{cell}", "OK"]
        if command == "+CSQ":
            return [f"+CSQ: {self.csq if self.radio else '99,99'}", "OK"]
        if command == "+CESQ" and self.cesq is not None:
            return [f"+CESQ: {self.cesq if self.radio else '99,99,255,255,255,255'}", "OK"]
        if command == "+COPS?":
            network = f'0,2,"{self.operator}",{self.technology}' if status in (1, 5) else "0"
            return [f"+COPS: {network}", "OK"]
        if command in ("+COPS=2", "+COPS=0"):
            self._registered = command == "+COPS=0"
            return ["OK"]
        if command in ("+CFUN=0", "+CFUN=1"):
            self.radio = command == "+CFUN=1"
            return ["OK"]
        return ["ERROR"]
