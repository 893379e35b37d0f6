"""The modem: asked for how well it hears every so often, and reset step by step while the link is dead.

It is a source like the buses: what it says of itself comes as the device message `Modem`. The port is a second one
beside the data connection's (`/dev/ttyUSB2`, say), so asking never disturbs that. A port that vanishes, as it does when
the modem is reset, is opened again, after half a second first and up to 30 s later on. While the port is gone only the
last step of the ladder can be taken, the command of the settings.

What a step takes away it gives back: the second command of one, which registers anew or switches the radio on, is said
until the modem answers it, whatever became of the first one.
"""

from __future__ import annotations

import logging
import subprocess
import termios
import time
from collections.abc import Callable, Sequence

import msgspec
import serial
from msgspec.structs import replace

from agent.bus.frame import Frame
from agent.devices.messages import frame_of
from agent.modem.answers import (
    NO_SIGNAL,
    UNREGISTERED,
    Registration,
    Signal,
    is_registration,
    operator_of,
    registration_of,
    signal_of_cesq,
    signal_of_csq,
)
from agent.modem.at import AtError, Line, NoAnswerError
from agent.modem.ladder import Ladder, Step

log = logging.getLogger(__name__)

_FIRST_DELAY_MS = 500
_LONGEST_DELAY_MS = 30_000
_SOON_MS = 1_000
_SLOW_S = 60.0
"""How long a modem may take to search for networks or to switch its radio."""
_COMMAND_S = 60.0
_FAILURES = (serial.SerialException, OSError, termios.error)
_REGISTRATIONS = ("+C5GREG", "+CEREG", "+CREG")
_COMMANDS = {Step.REGISTER: ("+COPS=2", "+COPS=0"), Step.RADIO: ("+CFUN=0", "+CFUN=1"), Step.RESET: ("+CFUN=1,1",)}


class Reading(msgspec.Struct, frozen=True):
    """What the modem said last; None for what it did not say."""

    at_ms: int
    sim: str | None = None
    """`READY`, `SIM PIN`, or the modem's error (`10`, `SIM not inserted`)."""
    signal: Signal = NO_SIGNAL
    registration: Registration = UNREGISTERED
    operator: int | None = None
    """The digits of country and network."""


class Modem:
    """`dead_since_ms` tells when a broker was last reached, None while one is."""

    def __init__(
        self,
        port: str,
        baud: int,
        monotonic_ms: Callable[[], int],
        *,
        every_ms: int = 30_000,
        ladder: Ladder | None = None,
        dead_since_ms: Callable[[], int | None] = lambda: None,
        power_cycle: Sequence[str] = (),
        timeout_s: float = 5.0,
    ) -> None:
        self.reading: Reading | None = None
        self.unanswered = 0
        """Commands without an answer in time."""
        self.reopened = 0
        self.port = port
        self._baud = baud
        self._monotonic_ms = monotonic_ms
        self._every_ms = every_ms
        self._ladder = ladder
        self._dead_since_ms = dead_since_ms
        self._power_cycle = tuple(power_cycle)
        self._timeout_s = timeout_s
        self._line: Line | None = None
        self._failed = False
        self._retry_at_ms = 0
        self._delay_ms = _FIRST_DELAY_MS
        self._due_ms = 0
        self._owed: tuple[str, ...] = ()
        """Commands of a step that the modem has not answered, without which it would stay off the network."""

    @property
    def resets(self) -> int:
        """Steps of the ladder that were taken."""
        return 0 if self._ladder is None else self._ladder.taken

    def read(self, wait_s: float) -> list[Frame]:
        """What it said of itself, if it was due; waits up to `wait_s`."""
        self._climb()
        line = self._opened(wait_s)
        if line is None or (self._owed and not self._command(line, self._owed)):
            return []
        try:
            if self._monotonic_ms() < self._due_ms:
                line.listen(min(wait_s, (self._due_ms - self._monotonic_ms()) / 1000))
            if self._monotonic_ms() < self._due_ms:
                return []
            self._due_ms = self._monotonic_ms() + self._every_ms
            self.reading = self._asked(line)
            self._delay_ms = _FIRST_DELAY_MS
            return [self._frame(self.reading)]
        except NoAnswerError as silent:
            self.unanswered += 1
            self._fail(silent)
        except _FAILURES as failure:
            self._fail(failure)
        return []

    def close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _asked(self, line: Line) -> Reading:
        def ask(command: str, name: str, accepts: Callable[[str], bool] = lambda _: True) -> str:
            """The first answer; empty where the modem does not know the command, or not now."""
            try:
                answers = line.ask(command, name, accepts, self._timeout_s)
            except AtError:
                return ""
            return answers[0] if answers else ""

        reading = Reading(self._monotonic_ms(), sim=self._sim(line))
        registrations = [registration_of(ask(f"{name}?", name, is_registration)) for name in _REGISTRATIONS]
        best = next((each for each in registrations if each.registered), None) or next(
            (each for each in registrations if each.status is not None), Registration()
        )
        signal = signal_of_cesq(ask("+CESQ", "+CESQ"))
        if signal.dbm is None:
            signal = signal_of_csq(ask("+CSQ", "+CSQ"))
        operator = technology = None
        if best.registered:
            ask("+COPS=3,2", "")
            operator, technology = operator_of(ask("+COPS?", "+COPS"))
        if best.technology is None:
            best = best._replace(technology=technology)
        return replace(reading, signal=signal, registration=best, operator=operator)

    def _sim(self, line: Line) -> str | None:
        try:
            answers = line.ask("+CPIN?", "+CPIN", timeout_s=self._timeout_s)
        except AtError as wrong:
            return wrong.code
        return answers[0] if answers else None

    def _frame(self, reading: Reading) -> Frame:
        values = {
            "SignalStrength": reading.signal.dbm,
            "SignalQuality": reading.signal.quality_db,
            "Registration": reading.registration.status,
            "Technology": reading.registration.technology,
            "Operator": reading.operator,
            "Resets": self.resets,
        }
        return frame_of(reading.at_ms, "Modem", values)

    def _unsolicited(self, text: str) -> None:
        if text.startswith(_REGISTRATIONS):
            # Its registration has changed: ask soon. Not at once, for some say so in answer to each question.
            self._due_ms = min(self._due_ms, self._monotonic_ms() + _SOON_MS)

    # The port.

    def _opened(self, wait_s: float) -> Line | None:
        if self._line is not None:
            return self._line
        due_ms = self._retry_at_ms - self._monotonic_ms()
        if due_ms > 0:
            time.sleep(min(due_ms / 1000, wait_s))
            return None
        try:
            self._line = Line(self.port, self._baud, self._unsolicited)
        except _FAILURES as failure:
            self._fail(failure)
            return None
        if self._failed:
            self._failed = False
            self.reopened += 1
            log.info("modem: %s is open again", self.port)
        self._due_ms = 0
        return self._line

    def _fail(self, failure: BaseException) -> None:
        self._failed = True
        self.reading = None
        self._retry_at_ms = self._monotonic_ms() + self._delay_ms
        log.warning("modem: %s: %s; next try in %.1f s", self.port, failure, self._delay_ms / 1000)
        self._delay_ms = min(2 * self._delay_ms, _LONGEST_DELAY_MS)
        self.close()

    # The ladder.

    def _climb(self) -> None:
        if self._ladder is None:
            return
        step = self._ladder.step(self._monotonic_ms(), self._dead_since_ms(), port=self._line is not None)
        if step is None:
            return
        log.warning("modem: no broker is reached: %s (step %d since the start)", step.value, self._ladder.taken)
        if step is Step.POWER:
            self._cycle_power()
        elif self._line is not None:
            self._command(self._line, _COMMANDS[step])

    def _command(self, line: Line, commands: tuple[str, ...]) -> bool:
        """False where the modem did not answer them all."""
        self._owed = commands[1:] or self._owed
        for command in commands:
            try:
                line.ask(command, timeout_s=_SLOW_S if self._timeout_s >= 5 else self._timeout_s)
            except AtError as wrong:
                log.warning("modem: %s", wrong)
            except NoAnswerError as silent:
                self.unanswered += 1
                self._fail(silent)
                return False
            except _FAILURES as failure:
                self._fail(failure)
                return False
        self._owed = ()
        self._due_ms = 0
        return True

    def _cycle_power(self) -> None:
        self.close()
        self._owed = ()
        try:
            subprocess.run(
                self._power_cycle, stdin=subprocess.DEVNULL, capture_output=True, timeout=_COMMAND_S, check=True
            )
        except (OSError, subprocess.SubprocessError) as failure:
            log.error("modem: %s", failure)


def steps_of(*, power_cycle: bool) -> tuple[Step, ...]:
    """The ladder of a modem; its last step takes a command of the settings."""
    return tuple(Step) if power_cycle else tuple(Step)[:-1]
