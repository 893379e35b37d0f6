"""The tables of 3GPP TS 27.007, by its own examples and edges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.modem.answers import (
    Registration,
    Signal,
    is_registration,
    operator_of,
    registration_of,
    signal_of_cesq,
    signal_of_csq,
)


@pytest.mark.parametrize(
    ("answer", "dbm"),
    [("0,99", -113), ("1,99", -111), ("31,0", -51), ("99,99", None), ("32,99", None), ("", None), ("-3,9", None)],
)
def test_csq_is_in_steps_of_two_from_minus_113(answer: str, dbm: int | None) -> None:
    assert signal_of_csq(answer) == Signal(dbm)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("99,99,255,255,20,60", Signal(-81, -10.0)),  # LTE: RSRP from -140 dBm, RSRQ from -19.5 dB.
        ("99,99,255,255,255,1", Signal(-140, None)),
        ("99,99,255,255,34,97", Signal(-44, -3.0)),
        ("99,99,96,49,255,255", Signal(-25, 0.0)),  # UTRAN: RSCP, Ec/Io.
        ("63,0,255,255,255,255", Signal(-48)),
        ("99,99,255,255,255,255", Signal()),
        ("99,99,255,255,255,255,66,76,255", Signal(-81, -10.5)),  # NR: SS-RSRP, SS-RSRQ.
        ("99,99", Signal()),
        ("a,b,c,d,e,f", Signal()),
        ("99,99,255,255,99,98", Signal()),
    ],
)
def test_cesq_gives_the_level_of_the_newest_technology_that_is_measured(answer: str, expected: Signal) -> None:
    assert signal_of_cesq(answer) == expected


@pytest.mark.parametrize(
    ("answer", "solicited", "expected"),
    [
        ("0,1", True, Registration(1)),
        ('2,5,"00C3","01A2D3E4",7', True, Registration(5, 7)),
        ("2,0", True, Registration(0)),
        ("0, 3", True, Registration(3)),
        ("0,99", True, Registration(None)),
        ('2,1,"00C3","01A2D3E4",99', True, Registration(1, None)),
        ("1", False, None),
        ('1,"00C3","01A2D3E4",7', False, None),
    ],
)
def test_an_answer_about_registration_is_told_from_what_the_modem_says_by_itself(
    answer: str, *, solicited: bool, expected: Registration | None
) -> None:
    assert is_registration(answer) is solicited
    if expected is not None:
        assert registration_of(answer) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('0,2,"20801",7', (20801, 7)),
        ('0,2,"310410",13', (310410, 13)),
        ('1,2,"20801"', (20801, None)),
        ('0,0,"Orange F",7', (None, None)),
        ("0", (None, None)),
        ('0,2,"20801",77', (20801, None)),
    ],
)
def test_the_operator_is_the_digits_of_country_and_network(
    answer: str, expected: tuple[int | None, int | None]
) -> None:
    assert operator_of(answer) == expected


@given(st.text(max_size=60))
def test_no_answer_whatever_it_is_makes_a_number_of_nothing(answer: str) -> None:
    for signal in (signal_of_csq(answer), signal_of_cesq(answer)):
        assert signal.dbm is None or -160 <= signal.dbm <= 0
    registration_of(answer)
    operator_of(answer)
