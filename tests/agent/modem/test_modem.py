"""A modem on a pseudo-terminal: what it says, what it says besides, and what is done when the link is dead."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial

from agent.bus.frame import Frame
from agent.devices.messages import decoder
from agent.modem.at import AtError, Line, NoAnswerError
from agent.modem.ladder import Ladder, Step
from agent.modem.modem import Modem
from contract.profile.devices import DEVICES
from tests.agent.modem import responder

NAMES = [signal.name.partition(".")[2] for signal in DEVICES["Modem"]]


def now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


@pytest.fixture
def there(tmp_path: Path) -> Iterator[responder.Modem]:
    with responder.Modem(tmp_path / "modem") as made:
        yield made


def until(modem: Modem, reached: Callable[[], bool], seconds: float = 60) -> None:
    """Reads until then."""
    deadline = time.monotonic() + seconds
    while not reached() and time.monotonic() < deadline:
        modem.read(0.05)
    assert reached()


def said(modem: Modem) -> dict[str, int | None]:
    """The values of the next message, by their names."""
    frames: list[Frame] = []
    deadline = time.monotonic() + 60
    while not frames and time.monotonic() < deadline:
        frames = modem.read(0.05)
    return dict(zip(NAMES, decoder("Modem", NAMES)(frames[0].data), strict=True))


# The responder itself.


def test_the_responder_answers_as_a_modem_does(there: responder.Modem) -> None:
    with serial.Serial(str(there.link), timeout=60) as port:

        def exchange(command: str) -> str:
            port.write(f"{command}\r".encode())
            answer: bytes = port.read_until(b"OK\r\n")
            return answer.decode()

        assert exchange("AT") == "AT\r\r\nOK\r\n"
        assert exchange("ATE0") == "ATE0\r\r\nOK\r\n"
        assert exchange("AT+CSQ") == "\r\n+CSQ: 20,99\r\n\r\nOK\r\n"
        there.chatter = ["RING"]
        assert exchange("AT+CREG?") == "\r\nRING\r\n\r\n+CREG: 0,1\r\n\r\nRING\r\n\r\nOK\r\n"
        there.chatter = []
        exchange("AT+COPS=2")
        assert "+CREG: 0,0" in exchange("AT+CREG?")
        exchange("AT+COPS=0")
        assert '+COPS: 0,2,"20801",7' in exchange("AT+COPS?")
        exchange("AT+CFUN=0")
        assert "+CSQ: 99,99" in exchange("AT+CSQ")


# One command.


def test_unsolicited_lines_between_command_and_result_are_told_apart(there: responder.Modem) -> None:
    there.chatter = ["RING", "+CEREG: 5", '+CEREG: 1,"00C3","01A2D3E4",7', "^RSSI:18", "+CSQN: 1"]
    heard: list[str] = []
    line = Line(str(there.link), 115_200, heard.append)
    assert line.ask("+CSQ", "+CSQ") == ["20,99"]
    assert heard == there.chatter * 2
    line.listen(5)  # What comes after the result.
    assert heard == there.chatter * 3
    line.close()


@pytest.mark.parametrize("echo", [True, False])
def test_an_echo_is_no_answer(there: responder.Modem, *, echo: bool) -> None:
    there.echo = echo
    heard: list[str] = []
    line = Line(str(there.link), 115_200, heard.append)
    assert line.ask("+CESQ", "+CESQ") == ["99,99,255,255,20,60"]
    assert heard == []
    line.close()


def test_errors_are_told_with_their_code(there: responder.Modem) -> None:
    there.sim = "10"
    line = Line(str(there.link), 115_200)
    with pytest.raises(AtError) as error:
        line.ask("+CPIN?", "+CPIN")
    assert error.value.code == "10"
    with pytest.raises(AtError, match=r"AT\+XYZ: ERROR") as error:
        line.ask("+XYZ")
    assert error.value.code is None
    line.close()


def test_what_is_still_said_of_a_command_that_timed_out_is_no_answer_of_the_next(there: responder.Modem) -> None:
    there.silent = True
    line = Line(str(there.link), 115_200)
    with pytest.raises(NoAnswerError):
        line.ask("+CSQ", "+CSQ", timeout_s=0.1)
    there.says("+CSQ: 1,99")
    there.says("OK")
    there.silent = False
    assert line.ask("+CSQ", "+CSQ") == ["20,99"]
    line.close()


# The modem as a source.


def test_what_it_says_of_itself_is_a_device_message(there: responder.Modem) -> None:
    there.verbose = True
    there.chatter = ["+CREG: 1", "RING"]
    modem = Modem(str(there.link), 115_200, now_ms)
    assert said(modem) == {
        "SignalStrength": -81, "SignalQuality": -20, "Registration": 1, "Technology": 7, "Operator": 20801, "Resets": 0,
    }  # fmt: skip
    assert modem.reading is not None
    assert modem.reading.sim == "READY"
    modem.close()


def test_one_that_says_its_registration_at_each_question_is_not_asked_without_end(there: responder.Modem) -> None:
    there.chatter = ["+CREG: 1"]
    modem = Modem(str(there.link), 115_200, lambda: 1_000_000)
    until(modem, lambda: modem.reading is not None)
    asked = len(there.heard)
    for _ in range(5):
        assert modem.read(0.01) == []
    assert len(there.heard) == asked
    modem.close()


def test_an_older_modem_without_the_newer_commands_says_what_it_can(there: responder.Modem) -> None:
    there.unknown = {"+C5GREG?", "+CEREG?"}
    there.cesq = None
    there.status, there.technology = 5, 2
    modem = Modem(str(there.link), 115_200, now_ms)
    values = said(modem)
    assert (values["SignalStrength"], values["Registration"], values["Technology"]) == (-73, 5, 2)
    modem.close()


def test_without_network_or_card_there_is_no_operator(there: responder.Modem) -> None:
    there.status, there.sim, there.csq, there.cesq = 2, "SIM PIN", "99,99", "99,99,255,255,255,255"
    modem = Modem(str(there.link), 115_200, now_ms)
    values = said(modem)
    assert (values["Registration"], values["Operator"], values["SignalStrength"]) == (2, None, None)
    assert modem.reading is not None
    assert modem.reading.sim == "SIM PIN"
    assert "AT+COPS?" not in there.heard
    modem.close()


def test_it_is_asked_again_at_once_when_it_says_that_its_registration_changed(there: responder.Modem) -> None:
    modem = Modem(str(there.link), 115_200, now_ms, every_ms=3_600_000)
    assert said(modem)["Registration"] == 1
    there.status = 5
    there.says('+CEREG: 5,"00C3","01A2D3E4",7')
    assert said(modem)["Registration"] == 5
    modem.close()


def test_a_port_that_vanishes_is_opened_again(there: responder.Modem) -> None:
    modem = Modem(str(there.link), 115_200, now_ms, every_ms=100)
    said(modem)
    there.unplug()
    until(modem, lambda: modem.reading is None)
    there.plug()
    assert said(modem)["Registration"] == 1
    assert modem.reopened == 1
    modem.close()


def test_a_modem_that_says_nothing_costs_a_time_out_and_is_tried_again(there: responder.Modem) -> None:
    there.silent = True
    modem = Modem(str(there.link), 115_200, now_ms, timeout_s=0.1)
    until(modem, lambda: modem.unanswered > 0)
    assert modem.reading is None
    there.silent = False
    assert said(modem)["Registration"] == 1
    modem.close()


def test_a_result_that_comes_while_the_port_is_opened_again_is_none_of_the_next_command(there: responder.Modem) -> None:
    there.silent = True
    modem = Modem(str(there.link), 115_200, now_ms, timeout_s=0.1)
    until(modem, lambda: modem.unanswered > 0)
    there.silent, modem._timeout_s = False, 60  # It has answered nothing; from now on the machine may be slow.
    late = threading.Thread(target=there.says_for, args=(0.7, "ERROR"))  # Over the half second until the next try.
    late.start()
    try:
        assert said(modem)["Registration"] == 1
        assert modem.reading is not None
        assert (modem.reading.sim, modem.unanswered) == ("READY", 1)
    finally:
        late.join()
        modem.close()


def test_lines_without_end_and_garbage_are_no_answer(there: responder.Modem) -> None:
    there.chatter = ["\xff" * 10, "+CSQ", "A" * 5000]
    modem = Modem(str(there.link), 115_200, now_ms)
    assert said(modem)["SignalStrength"] == -81
    modem.close()


def test_the_ladder_is_climbed_while_no_broker_is_reached_and_not_while_one_is(
    there: responder.Modem, tmp_path: Path
) -> None:
    dead_since_ms: list[int | None] = [None]
    off = tmp_path / "power-cycled"
    touch = (sys.executable, "-c", f"import pathlib; pathlib.Path({str(off)!r}).touch()")
    modem = Modem(
        str(there.link),
        115_200,
        now_ms,
        every_ms=50,
        ladder=Ladder(tuple(Step), 1, a_day=4),
        dead_since_ms=lambda: dead_since_ms[0],
        power_cycle=touch,
    )
    until(modem, lambda: there.heard.count("AT+CSQ") + there.heard.count("AT+CESQ") > 3)
    assert not any(command.startswith(("AT+CFUN", "AT+COPS=2", "AT+COPS=0")) for command in there.heard)
    dead_since_ms[0] = 0
    until(modem, lambda: "AT+CFUN=1,1" in there.heard)
    steps = [command for command in there.heard if command.startswith(("AT+CFUN", "AT+COPS=2", "AT+COPS=0"))]
    assert steps == ["AT+COPS=2", "AT+COPS=0", "AT+CFUN=0", "AT+CFUN=1", "AT+CFUN=1,1"]
    # The port is gone with the reset; the last step needs none, and the day's steps are used up then.
    until(modem, off.exists)
    assert modem.resets == 4
    until(modem, lambda: not os.path.lexists(there.link))
    there.plug()
    assert said(modem)["Resets"] == 4
    modem.close()


@pytest.mark.parametrize("unanswered", [["AT+COPS=2"], ["AT+CFUN=0"], ["AT+CFUN=0", "AT+CFUN=1"]])
def test_a_step_that_is_not_answered_leaves_no_modem_off_the_network(
    there: responder.Modem, unanswered: list[str]
) -> None:
    dead_since_ms: list[int | None] = [None]
    step = Step.REGISTER if unanswered == ["AT+COPS=2"] else Step.RADIO
    modem = Modem(
        str(there.link), 115_200, now_ms, every_ms=50, ladder=Ladder([step], 1, a_day=1),
        dead_since_ms=lambda: dead_since_ms[0], timeout_s=0.5,
    )  # fmt: skip
    said(modem)
    there.unanswered, dead_since_ms[0] = [*unanswered], 0
    until(modem, lambda: not there.unanswered and modem.reading is not None)
    assert (modem.resets, said(modem)["Registration"]) == (1, 1)
    modem.close()
