"""Each kind of dirt in a DBC file: what is made of it, and that its line is named."""

from __future__ import annotations

import math

import cantools
import pytest
from cantools.database.can import Database
from cantools.database.errors import UnsupportedDatabaseFormatError

from agent.databases.healing import Finding, Healed, heal, quarantine

HEAD = 'VERSION ""\n\nNS_ :\n\tCM_\n\tVAL_\n\nBS_:\n\nBU_: ECU\n\n'
FIRST_LINE = HEAD.count("\n") + 1


def healed(body: str) -> Healed:
    return heal(HEAD + body, "car.dbc")


def read(result: Healed) -> Database:
    """What cantools reads from the healed text; fails the test if it refuses it."""
    database = cantools.database.load_string(result.text, "dbc", strict=False)
    assert isinstance(database, Database)
    return database


def refusal(text: str) -> str | None:
    try:
        cantools.database.load_string(text, "dbc", strict=False)
    except UnsupportedDatabaseFormatError as error:
        return str(error.e_dbc)
    return None


def only(result: Healed) -> tuple[int, str, str]:
    """Line (from the first after the head), text and action of the only finding."""
    (finding,) = result.findings
    assert finding.file == "car.dbc"
    return finding.line - FIRST_LINE + 1, finding.found, finding.action


MESSAGE = "BO_ 100 Motor: 8 ECU\n"
SPEED = ' SG_ Speed : 0|8@1+ (1,0) [0|255] "km/h" ECU\n'


def test_a_clean_file_comes_out_as_it_went_in() -> None:
    body = MESSAGE + SPEED + 'CM_ SG_ 100 Speed "How fast";\nVAL_ 100 Speed 0 "none" 255 "unknown" ;\n'
    result = healed(body)
    assert result.findings == ()
    assert [line for line in body.splitlines() if line not in result.text.splitlines()] == []
    assert read(result).messages[0].signals[0].choices == {0: "none", 255: "unknown"}


def test_a_name_that_begins_with_a_digit_gets_an_underscore_everywhere() -> None:
    signal = ' SG_ 0_COUNTER : 8|4@1+ (1,0) [0|15] "" ECU\n'
    result = healed(MESSAGE + SPEED + signal + 'VAL_ 100 0_COUNTER 3 "three" ;\nCM_ SG_ 100 0_COUNTER "counts";\n')
    assert [(finding.line - FIRST_LINE + 1, finding.action) for finding in result.findings] == [
        (3, "repaired"),
        (4, "repaired"),
        (5, "repaired"),
    ]
    assert result.findings[0].found == "signal 0_COUNTER is no DBC name, read as _0_COUNTER"
    counter = read(result).messages[0].get_signal_by_name("_0_COUNTER")
    assert (counter.start, counter.length) == (8, 4)
    assert counter.choices == {3: "three"}
    assert counter.comment == "counts"


def test_a_message_name_that_begins_with_a_digit_gets_an_underscore() -> None:
    result = healed("BO_ 1275 2017_5: 8 XXX\n" + SPEED)
    assert only(result) == (1, "message 2017_5 is no DBC name, read as _2017_5", "repaired")
    assert read(result).messages[0].name == "_2017_5"


def test_a_character_that_names_cannot_have_becomes_an_underscore() -> None:
    result = healed(MESSAGE + ' SG_ Öl-Temp. : 0|8@1+ (1,0) [0|0] "" ECU\n')
    assert only(result) == (2, "signal Öl-Temp. is no DBC name, read as _l_Temp_", "repaired")
    assert read(result).messages[0].signals[0].name == "_l_Temp_"


@pytest.mark.parametrize(
    ("written", "scale", "offset"),
    [("(.25,-500)", 0.25, -500), ("(0.5,-.5)", 0.5, -0.5), ("( 1 , - 40 )", 1, -40), ("(1.,+.5)", 1, 0.5)],
)
def test_a_number_as_people_write_it_is_read(written: str, scale: float, offset: float) -> None:
    result = healed(MESSAGE + f' SG_ Torque : 4|13@0+ {written} [-500|1547.5] "Nm" ECU\n')
    line, found, action = only(result)
    assert (line, action) == (2, "repaired")
    assert "of signal Torque is" in found
    signal = read(result).messages[0].signals[0]
    assert (signal.scale, signal.offset, signal.start, signal.length) == (scale, offset, 4, 13)


def test_an_id_of_29_bits_without_the_flag_gets_it_wherever_it_is_used() -> None:
    body = "BO_ 506855454 Far: 8 ECU\n" + SPEED + 'VAL_ 506855454 Speed 1 "one" ;\nCM_ BO_ 506855454 "far";\n'
    definition = 'BA_DEF_ BO_ "GenMsgCycleTime" INT 0 1000;\nBA_DEF_DEF_ "GenMsgCycleTime" 0;\n'
    result = healed(body + definition + 'BA_ "GenMsgCycleTime" BO_ 506855454 20;\n')
    line, found, action = only(result)
    assert (line, action) == (1, "repaired")
    assert "id 506855454 of message Far has 29 bits but no extended flag" in found
    message = read(result).messages[0]
    assert (message.frame_id, message.is_extended_frame) == (506855454, True)
    assert (message.signals[0].choices, message.comment, message.cycle_time) == ({1: "one"}, "far", 20)


def test_a_comment_on_a_signal_without_its_name_is_one_on_the_message() -> None:
    result = healed(MESSAGE + SPEED + 'CM_ SG_ 100 "all platforms";\n')
    assert only(result) == (3, "comment with no signal name, read as one on message 100", "repaired")
    assert read(result).messages[0].comment == "all platforms"


def test_a_comment_without_a_type_is_one_on_the_message() -> None:
    result = healed(MESSAGE + SPEED + 'CM_ 100 "gear";\n')
    assert only(result) == (3, "comment with no type, read as one on message 100", "repaired")
    assert read(result).messages[0].comment == "gear"


def test_quotes_and_keywords_in_a_comment_stay_its_text() -> None:
    result = healed(
        MESSAGE + SPEED + 'CM_ SG_ 100 Speed "the "true" speed,\nBO_ or so; see\nSG_ list";\n' + "BO_ 101 B: 1 ECU\n"
    )
    assert only(result) == (3, "comment with quotes in its text, read as one on signal 100 Speed", "repaired")
    assert read(result).messages[0].signals[0].comment == 'the "true" speed,\nBO_ or so; see\nSG_ list'
    assert [message.name for message in read(result).messages] == ["Motor", "B"]


def test_a_comment_that_is_never_closed_does_not_take_what_follows() -> None:
    result = healed(MESSAGE + SPEED + 'CM_ SG_ 100 Speed "how fast\n' + "BO_ 101 B: 8 ECU\n" + SPEED)
    line, found, action = only(result)
    assert (line, action) == (3, "repaired")
    assert "no closing quote" in found
    assert [len(message.signals) for message in read(result).messages] == [1, 1]


def test_a_missing_semicolon_is_put_in() -> None:
    result = healed(MESSAGE + SPEED + 'CM_ "Front"\nVAL_ 100 Speed 0 "none"\nBO_ 101 B: 8 ECU\n' + SPEED)
    assert [(finding.line - FIRST_LINE + 1, finding.action) for finding in result.findings] == [
        (3, "repaired"),
        (4, "repaired"),
    ]
    database = read(result)
    assert database.messages[0].signals[0].choices == {0: "none"}
    assert len(database.messages) == 2


@pytest.mark.parametrize(
    "line",
    [
        'VAL_ 100 Missing 0 "none" ;',
        'VAL_ 999 Speed 0 "none" ;',
        "SIG_VALTYPE_ 100 Missing : 1;",
        "SG_MUL_VAL_ 100 Speed Missing 0-0;",
        'CM_ SG_ 100 Missing "x";',
    ],
)
def test_what_speaks_of_a_signal_that_is_not_there_is_left_out(line: str) -> None:
    result = healed(MESSAGE + SPEED + line + "\n")
    number, found, action = only(result)
    assert (number, action) == (3, "quarantined")
    assert "that the file does not have" in found
    assert read(result).messages[0].signals[0].choices is None


def test_damaged_value_names_keep_those_that_can_be_read() -> None:
    result = healed(MESSAGE + SPEED + 'VAL_ 100 Speed 0 "none" 1.0 "slow" x "?" 2"fast";\n')
    assert only(result)[::2] == (3, "repaired")
    assert read(result).messages[0].signals[0].choices == {0: "none", 1: "slow", 2: "fast"}


def test_a_signal_apart_from_its_message_is_still_one_of_it() -> None:
    result = healed(MESSAGE + SPEED + 'CM_ BO_ 100 "x";\n\n      SG_ Late : 8|8@1+ (1,0) [0|0] "" ECU\n')
    assert only(result) == (5, "signal apart from its message Motor, read as one of it", "repaired")
    assert [signal.name for signal in read(result).messages[0].signals] == ["Speed", "Late"]


def test_a_signal_before_any_message_is_left_out() -> None:
    result = healed(SPEED + MESSAGE)
    assert only(result)[::2] == (1, "quarantined")
    assert read(result).messages[0].signals == []


def test_the_second_signal_of_a_name_gets_a_number() -> None:
    second = ' SG_ Speed : 8|8@1+ (1,0) [0|0] "" ECU\n'
    third = ' SG_ Speed : 16|8@1+ (1,0) [0|0] "" ECU\n'
    result = healed(MESSAGE + SPEED + second + third)
    assert [finding.found for finding in result.findings] == [
        "second signal Speed in message Motor, read as Speed_2",
        "second signal Speed in message Motor, read as Speed_3",
    ]
    assert [(signal.name, signal.start) for signal in read(result).messages[0].signals] == [
        ("Speed", 0),
        ("Speed_2", 8),
        ("Speed_3", 16),
    ]


def test_a_bare_multiplexer_mark_in_a_message_without_multiplexer_means_nothing() -> None:
    result = healed(MESSAGE + ' SG_ A m : 0|8@1+ (1,0) [0|0] "" ECU\n')
    line, found, action = only(result)
    assert (line, action) == (2, "repaired")
    assert "mark m but Motor no multiplexer, read as a plain signal" in found
    signal = read(result).messages[0].signals[0]
    assert (signal.name, signal.multiplexer_ids) == ("A", None)


def test_a_bare_multiplexer_mark_in_a_message_with_pages_says_too_little() -> None:
    body = MESSAGE + ' SG_ Page M : 0|8@1+ (1,0) [0|0] "" ECU\n SG_ A m : 8|8@1+ (1,0) [0|0] "" ECU\n'
    result = healed(body + ' SG_ B m1 : 8|8@1+ (1,0) [0|0] "" ECU\n')
    assert only(result) == (3, "signal A has a multiplexer mark m without a value", "quarantined")
    assert [signal.name for signal in read(result).messages[0].signals] == ["Page", "B"]


def test_with_an_unreadable_multiplexer_its_pages_are_left_out_and_not_read_at_all_times() -> None:
    body = MESSAGE + SPEED + ' SG_ Page M : x|8@1+ (1,0) [0|0] "" ECU\n SG_ A m1 : 8|8@1+ (1,0) [0|0] "" ECU\n'
    result = healed(body)
    assert [(finding.line - FIRST_LINE + 1, finding.action) for finding in result.findings] == [
        (3, "quarantined"),
        (4, "quarantined"),
    ]
    assert [signal.name for signal in read(result).messages[0].signals] == ["Speed"]


def test_of_several_multiplexers_a_signal_must_say_which() -> None:
    body = (
        MESSAGE
        + ' SG_ Page M : 0|8@1+ (1,0) [0|0] "" ECU\n SG_ Inner m1M : 8|8@1+ (1,0) [0|0] "" ECU\n'
        + ' SG_ A m2 : 16|8@1+ (1,0) [0|0] "" ECU\n SG_ B m2 : 16|8@1+ (1,0) [0|0] "" ECU\n'
        + "SG_MUL_VAL_ 100 Inner Page 1-1;\nSG_MUL_VAL_ 100 A Inner 2-2, 4-5;\n"
    )
    result = healed(body)
    assert only(result)[::2] == (5, "quarantined")
    signals = {signal.name: signal for signal in read(result).messages[0].signals}
    assert signals.keys() == {"Page", "Inner", "A"}
    assert sorted(signals["A"].multiplexer_ids or ()) == [2, 4, 5]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (' SG_ Empty : 0|0@1+ (1,0) [0|0] "" ECU', "length of 0 bits"),
        (' SG_ Odd : 0|8@1+ (1;0) [0|0] "" ECU', "not a signal"),
        (' SG_ Odd : 0|8@1+ (much,0) [0|0] "" ECU', "a scale that is no number: much"),
        (' SG_ Odd : 0|8@1+ (1e999,0) [0|0] "" ECU', "a scale that is no number: 1e999"),
    ],
)
def test_a_signal_that_cannot_be_read_costs_only_itself(line: str, found: str) -> None:
    result = healed(MESSAGE + line + "\n" + SPEED)
    number, text, action = only(result)
    assert (number, action) == (2, "quarantined")
    assert found in text
    assert [signal.name for signal in read(result).messages[0].signals] == ["Speed"]


@pytest.mark.parametrize(
    "line", [" SG_ A : 0|8@1+ (1,0)", ' SG_ A : 0|8@1+ (1,0) [0|] ""', ' SG_ A : 0|8@1+ (1,0) [0|0] "" 1st,ECU']
)
def test_what_a_signal_can_do_without_may_be_missing(line: str) -> None:
    result = healed(MESSAGE + line + "\n")
    assert {(finding.line - FIRST_LINE + 1, finding.action) for finding in result.findings} == {(2, "repaired")}
    signal = read(result).messages[0].signals[0]
    assert (signal.name, signal.length, signal.scale) == ("A", 8, 1)


def test_a_message_without_sender_is_read_and_one_that_cannot_be_takes_its_signals_along() -> None:
    result = healed("BO_ 100 A: 8\n" + SPEED + "BO_ x B: 8 ECU\n" + SPEED + "BO_ 102 C: 8 ECU\n" + SPEED)
    assert [(finding.line - FIRST_LINE + 1, finding.action) for finding in result.findings] == [
        (1, "repaired"),
        (3, "quarantined"),
        (4, "quarantined"),
    ]
    assert [message.name for message in read(result).messages] == ["A", "C"]


def test_text_that_is_no_statement_is_named_and_passed_over() -> None:
    result = healed(
        "<<<<<<< HEAD\n" + MESSAGE + SPEED[:-1] + ",\n  ABS\n" + SPEED.replace("Speed", "B") + "// a remark\n"
    )
    assert [(finding.line - FIRST_LINE + 1, finding.action) for finding in result.findings] == [
        (1, "quarantined"),
        (3, "repaired"),
        (4, "quarantined"),
    ]
    assert "<<<<<<< HEAD" in result.findings[0].found
    assert [signal.name for signal in read(result).messages[0].signals] == ["Speed", "B"]


def test_the_signals_after_a_damaged_message_line_are_not_taken_for_those_of_the_message_before() -> None:
    for damaged in ("O_ 101 B: 8 ECU", "BO_101 B: 8 ECU", " ECU", "BO 101 B : 8", "BO_ 1o1 B: 8 ECU"):
        result = healed(
            MESSAGE + SPEED + f"{damaged}\n" + SPEED.replace("Speed", "Other") + "BO_ 102 C: 8 ECU\n" + SPEED
        )
        assert [(finding.line - FIRST_LINE + 1, finding.action) for finding in result.findings] == [
            (3, "quarantined"),
            (4, "quarantined"),
        ]
        assert [(m.name, [s.name for s in m.signals]) for m in read(result).messages] == [
            ("Motor", ["Speed"]),
            ("C", ["Speed"]),
        ]


def test_a_damaged_signal_line_costs_only_itself() -> None:
    for damaged in (" G_ S1 m0 : 16|8@1+ (1,0)", " SG S1 : 16|8@1+ (1,0)", " SG_S1 : 16 | 8@1+ (1,0)"):
        result = healed(MESSAGE + damaged + "\n" + SPEED)
        assert result.findings[0].line - FIRST_LINE + 1 == 2
        assert [signal.name for signal in read(result).messages[0].signals] == ["Speed"]


def test_an_attribute_without_definition_is_left_out() -> None:
    result = healed(MESSAGE + SPEED + 'BA_ "Colour" BO_ 100 3;\n')
    assert only(result) == (3, 'attribute "Colour" is used but not defined', "quarantined")
    assert len(read(result).messages) == 1


def test_a_finding_reads_as_one_line_with_file_and_line() -> None:
    assert str(Finding("car.dbc", 7, "no", "repaired")) == "car.dbc:7: no (repaired)"


def test_a_floating_point_number_of_a_width_that_there_is_none_of_is_left_out_and_not_read_as_an_integer() -> None:
    body = MESSAGE + SPEED + ' SG_ Float : 8|32@1- (1,0) [0|0] "" ECU\n'
    result = healed(body + "SIG_VALTYPE_ 100 Speed : 1;\nSIG_VALTYPE_ 100 Float 1;\n")
    assert [(finding.line - FIRST_LINE + 1, finding.action) for finding in result.findings] == [
        (2, "quarantined"),
        (4, "quarantined"),
        (5, "repaired"),
    ]
    (signal,) = read(result).messages[0].signals
    assert (signal.name, signal.conversion.is_float) == ("Float", True)


UNFORESEEN = {
    "an enumeration that holds a word": 'BA_ "Kind" BO_ {id} "cyclic";',
    "a start value that is a word": 'BA_ "GenSigStartValue" SG_ {id} Speed "fast";',
}


@pytest.mark.parametrize("line", UNFORESEEN.values(), ids=[*UNFORESEEN])
def test_what_no_rule_foresees_is_found_alone(line: str) -> None:
    definition = 'BA_DEF_ BO_ "Kind" INT 0 9;\nBA_DEF_ SG_ "GenSigStartValue" STRING ;\n'
    body = definition + "".join(f"BO_ {100 + n} M{n}: 8 ECU\n{SPEED}" for n in range(64))
    bad = [101, 130, 131, 163]
    lines = [line.format(id=number) if number in bad else f'CM_ BO_ {number} "fine";' for number in range(100, 164)]
    before = healed(body + "\n".join(lines) + "\n")
    assert before.findings == ()
    assert refusal(before.text) is not None
    readings = 0

    def refuses(text: str) -> str | None:
        nonlocal readings
        readings += 1
        return refusal(text)

    after = quarantine(before, refuses)
    assert refusal(after.text) is None
    first = FIRST_LINE + body.count("\n")
    assert [finding.line for finding in after.findings] == [first + number - 100 for number in bad]
    assert {finding.action for finding in after.findings} == {"quarantined"}
    assert all(line.format(id=number) in finding.found for finding, number in zip(after.findings, bad, strict=True))
    assert [len(message.signals) for message in read(after).messages] == [1] * 64
    assert readings < 3 * len(bad) * math.log2(64)


def test_a_message_that_the_reader_refuses_goes_with_its_signals_and_no_others() -> None:
    body = "BO_ 3000000000 Beyond: 8 ECU\n" + SPEED + MESSAGE + SPEED
    # 2**31 + 2**30 + 1: the flag is there, but the id has 30 bits.
    result = healed(body.replace("3000000000", "3221225473") + 'VAL_ 3221225473 Speed 1 "one" ;\n')
    after = quarantine(result, refusal)
    assert [finding.line - FIRST_LINE + 1 for finding in after.findings] == [1, 2, 5]
    assert "more than 29 bits" in after.findings[0].found
    assert [message.name for message in read(after).messages] == ["Motor"]


def test_a_quarantined_multiplexer_takes_its_pages_along() -> None:
    def refuses(text: str) -> str | None:
        return "no pages today" if " M :" in text else refusal(text)

    body = MESSAGE + SPEED + ' SG_ Page M : 8|8@1+ (1,0) [0|0] "" ECU\n SG_ A m1 : 16|8@1+ (1,0) [0|0] "" ECU\n'
    after = quarantine(healed(body), refuses)
    assert [finding.line - FIRST_LINE + 1 for finding in after.findings] == [3, 4]
    assert [signal.name for signal in read(after).messages[0].signals] == ["Speed"]
