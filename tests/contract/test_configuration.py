"""What is wrong with a configuration file is said so that its author can put it right."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.configuration import ConfigurationError, Duration, Problem, dotted, read_toml


class Journal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    folder: Path = Path("journal")
    flush_interval: Duration = Duration(10_000)
    limit: int = 1000


class Broker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str
    port: int = 8883
    tls: bool = True


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vin: str
    journal: Journal = Journal()
    brokers: tuple[Broker, ...] = ()
    labels: dict[str, Broker] = {}
    mode: Literal["serial", "file"] = "file"
    note: str | None = None


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "agent.toml"


def problems(file: Path, text: str) -> list[Problem]:
    file.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_toml(file, Settings)
    return list(caught.value.problems)


def test_a_right_file_is_read_with_its_defaults(file: Path) -> None:
    file.write_text('vin = "V"\n[journal]\nflush_interval = "2 min"\nfolder = "/var/lib/x"\n[[brokers]]\nhost = "a"\n')
    settings = read_toml(file, Settings)
    assert settings == Settings("V", Journal(Path("/var/lib/x"), Duration(120_000)), (Broker("a"),))


def test_an_unknown_key_names_its_file_its_line_and_the_nearest_known_key(file: Path) -> None:
    (problem,) = problems(file, 'vin = "V"\n\n[journal]\nlimit = 3\nflush_intervall = "5s"\n')
    assert str(problem) == f"{file}:5: journal.flush_intervall: unknown key; did you mean flush_interval?"


def test_a_key_is_found_behind_a_text_that_looks_like_one(file: Path) -> None:
    text = "vin = '''\n\"\\q\" = 1\n[table\n'''\n\"no\\u0074e\" = 1\n"
    (problem,) = problems(file, text)
    assert str(problem) == f"{file}:5: note: expected a text, found 1"


def test_an_unknown_table_is_refused(file: Path) -> None:
    (problem,) = problems(file, 'vin = "V"\n[journals]\nlimit = 3\n')
    assert (problem.line, problem.text) == (2, "unknown key; did you mean journal?")


def test_an_unknown_key_in_an_array_of_tables_names_its_element(file: Path) -> None:
    (problem,) = problems(file, 'vin = "V"\n[[brokers]]\nhost = "a"\n[[brokers]]\nhost = "b"\nprot = 1\n')
    assert (problem.line, dotted(problem.keys)) == (6, "brokers[1].prot")


def test_an_unknown_key_in_a_named_table_keeps_the_name_with_its_quotes(file: Path) -> None:
    (problem,) = problems(file, 'vin = "V"\n[labels]\n"a.b" = { host = "x", prot = 1 }\n')
    assert (problem.line, dotted(problem.keys)) == (3, 'labels."a.b".prot')


def test_a_wrong_type_says_what_was_expected_and_what_was_found(file: Path) -> None:
    (problem,) = problems(file, 'vin = "V"\n[journal]\nlimit = "many"\n')
    assert str(problem) == f'{file}:3: journal.limit: expected a whole number, found "many"'


def test_a_number_is_not_taken_for_a_truth_value_nor_a_text_for_a_number(file: Path) -> None:
    found = problems(file, 'vin = 5\nbrokers = [{ host = "a", tls = 1, port = "8883" }]\n')
    assert [(dotted(p.keys), p.text) for p in found] == [
        ("vin", "expected a text, found 5"),
        ("brokers[0].tls", "expected true or false, found 1"),
        ("brokers[0].port", 'expected a whole number, found "8883"'),
    ]


def test_a_missing_key_is_named(file: Path) -> None:
    found = problems(file, "[[brokers]]\nport = 1\n")
    assert {(p.line, dotted(p.keys), p.text) for p in found} == {
        (None, "", "the key vin is missing"),
        (1, "brokers[0]", "the key host is missing"),
    }


def test_a_choice_outside_the_list_names_the_nearest(file: Path) -> None:
    (problem,) = problems(file, 'vin = "V"\nmode = "seriall"\n')
    assert problem.text == '"seriall" is not allowed here; did you mean serial?'


def test_a_table_where_a_text_belongs_and_a_text_where_a_table_belongs_are_told(file: Path) -> None:
    found = problems(file, 'journal = "x"\n[vin]\na = 1\n')
    assert [p.text for p in found] == ['expected a table, found "x"', "expected a text, found a table"]


def test_all_problems_are_told_at_once(file: Path) -> None:
    assert len(problems(file, 'vim = "V"\nnote = 3\n[journal]\nlimit = "x"\nsize = 1\n')) == 5


@pytest.mark.parametrize("text", ["10", "s", "-5s", "0s", "5 parsecs", "", "1.0001ms", "1s 5ms"])
def test_what_is_not_a_duration_is_refused_with_an_example(file: Path, text: str) -> None:
    (problem,) = problems(file, f'vin = "V"\n[journal]\nflush_interval = "{text}"\n')
    assert problem.line == 3
    assert "a duration" in problem.text


def test_a_bare_number_is_not_a_duration(file: Path) -> None:
    (problem,) = problems(file, 'vin = "V"\n[journal]\nflush_interval = 10\n')
    assert problem.text == 'expected a duration such as "500ms", "60s" or "10 min", found 10'


@pytest.mark.parametrize(
    ("text", "value_ms"),
    [("500ms", 500), ("60s", 60_000), ("10 min", 600_000), ("1.5 s", 1500), ("2h", 7_200_000), ("1d", 86_400_000)],
)
def test_a_duration_is_read_in_milliseconds(text: str, value_ms: int) -> None:
    assert Duration.parse(text) == value_ms


@given(st.integers(min_value=1, max_value=10**12))
def test_a_duration_is_shown_as_it_is_read(value_ms: int) -> None:
    assert Duration.parse(str(Duration(value_ms))) == value_ms


def test_a_file_that_is_not_toml_names_the_line(file: Path) -> None:
    (problem,) = problems(file, 'vin = "V"\nmode = \n')
    assert (problem.line, problem.text.startswith("not valid TOML")) == (2, True)


def test_an_absent_file_and_a_file_of_bytes_are_told(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be read: No such file"):
        read_toml(file, Settings)
    file.write_bytes(b'vin = "\xff"')
    with pytest.raises(ConfigurationError, match=r"is not UTF-8 text \(byte 7\)"):
        read_toml(file, Settings)
