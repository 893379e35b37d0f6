"""Who says the privacy, what holds, and what outlives a power cut."""

from __future__ import annotations

import itertools
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.disk.checked import DamagedError, save_checked
from agent.disk.durable import UNFINISHED
from agent.privacy.guard import REMEMBERED, Guard, Outcome, Source, strictest
from agent.privacy.kept import Kept, Obeyed, load, save
from agent.privacy.switch import Switch
from contract.command import AHEAD_MS
from contract.upload import Privacy

NOW_MS, DAY_MS = 1_800_000_000_000, 86_400_000
IN_1970_MS, IN_2038_MS = 0, 2_147_483_648_000
NONE, GEOLOCATION, FULL = Privacy.NONE, Privacy.GEOLOCATION, Privacy.FULL


def of(guard: Guard) -> Privacy:
    """Its state, which mypy takes for what it was at the last look."""
    return guard.state


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "privacy"


@pytest.mark.parametrize(("bus", "switch", "command"), list(itertools.product(Privacy, repeat=3)))
def test_the_strictest_word_holds(tmp_path: Path, bus: Privacy, switch: Privacy, command: Privacy) -> None:
    guard = Guard(tmp_path / "privacy", (Source.BUS, Source.SWITCH))
    guard.heard(Source.BUS, bus)
    guard.heard(Source.SWITCH, switch)
    assert guard.command("1", command, 0, 10, 0) is Outcome.DONE
    order = [NONE, GEOLOCATION, FULL]
    assert of(guard) is order[max(map(order.index, (bus, switch, command)))]
    assert Guard(tmp_path / "privacy", (Source.BUS, Source.SWITCH)).state is guard.state


def test_a_power_cut_right_after_the_change_keeps_it(file: Path) -> None:
    guard = Guard(file, [Source.BUS])
    for number, word in enumerate((GEOLOCATION, FULL, NONE)):
        guard.command(str(number), word, 0, 10, 0)
        guard.heard(Source.BUS, NONE)
        # What is on the disk says so already.
        assert Guard(file, [Source.BUS]).state is of(guard) is word


def test_without_a_file_nothing_is_kept(tmp_path: Path) -> None:
    guard = Guard(None, [Source.BUS], NONE)
    guard.heard(Source.BUS, FULL)
    guard.tell()
    assert (guard.state, guard.told) == (FULL, True)
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_is_expected_and_never_spoke_counts_as_the_strictest(file: Path) -> None:
    guard = Guard(file, [Source.BUS])
    assert of(guard) is FULL
    guard.heard(Source.BUS, NONE)
    assert of(guard) is NONE
    assert Guard(file, [Source.BUS]).state is NONE
    assert Guard(file, [Source.BUS, Source.SWITCH]).state is FULL
    assert Guard(file, [Source.BUS, Source.SWITCH], unknown=GEOLOCATION).state is GEOLOCATION
    assert Guard(file, []).state is NONE


def test_the_word_of_a_source_that_is_no_longer_named_is_forgotten_but_not_the_clouds(file: Path) -> None:
    guard = Guard(file, [Source.BUS])
    guard.heard(Source.BUS, FULL)
    guard.command("1", GEOLOCATION, 0, 10, 0)
    assert Guard(file, [Source.BUS]).state is FULL
    assert Guard(file, []).state is GEOLOCATION


@pytest.mark.parametrize("damage", ["empty", "cut", "bit", "word", "text", "folder"])
def test_what_cannot_be_read_counts_as_the_strictest_until_each_source_speaks_again(file: Path, damage: str) -> None:
    guard = Guard(file, [Source.BUS])
    guard.heard(Source.BUS, NONE)
    whole = file.read_bytes()
    file.unlink()
    if damage == "folder":
        file.mkdir()
    else:
        file.write_bytes(
            {
                "empty": b"",
                "cut": whole[:-5],
                "bit": whole[:-4] + bytes([whole[-4] ^ 1]) + whole[-3:],
                "word": whole.replace(b'"None"', b'"Nome"'),
                "text": b"\xff" * 50,
            }[damage]
        )
    with pytest.raises(DamagedError):
        load(file)
    guard = Guard(file, [Source.BUS])
    assert of(guard) is FULL
    guard.heard(Source.BUS, NONE)
    assert of(guard) is FULL
    assert guard.command("1", NONE, NOW_MS, NOW_MS + DAY_MS, NOW_MS) is Outcome.FORGOTTEN
    assert of(guard) is FULL
    later_ms = NOW_MS + AHEAD_MS + 1
    assert guard.command("2", NONE, later_ms, later_ms + DAY_MS, later_ms) is Outcome.DONE
    assert of(guard) is NONE


def test_every_bit_that_flips_is_noticed(file: Path) -> None:
    save(file, Kept(words={"command": GEOLOCATION}, executed=(Obeyed("a", 1),), told=GEOLOCATION))
    whole = file.read_bytes()
    for bit in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        with pytest.raises(DamagedError):
            load(file)


def test_a_command_is_executed_once_whatever_comes_between(file: Path) -> None:
    guard = Guard(file)
    assert guard.command("a", GEOLOCATION, 0, 1000, 0) is Outcome.DONE
    assert guard.command("b", NONE, 0, 1000, 1) is Outcome.DONE
    assert guard.command("a", GEOLOCATION, 0, 1000, 2) is Outcome.REPEATED
    assert of(guard) is NONE
    # Not even after a power cut.
    assert Guard(file).command("a", GEOLOCATION, 0, 1000, 3) is Outcome.REPEATED


@pytest.mark.parametrize("order", ["as they came", "the last first"])
def test_a_command_is_executed_once_however_many_come_after_it(file: Path, order: str) -> None:
    count = 3 * REMEMBERED
    commands = [(f"{number:032x}", (FULL, GEOLOCATION, NONE)[number % 3], 0, 1000 + number) for number in range(count)]
    if order == "the last first":
        commands.reverse()
    guard = Guard(file)
    done = [command for command in commands if guard.command(*command, 0) is Outcome.DONE]
    # One that expires before what was forgotten may have been executed, as far as anybody knows.
    assert len(done) == (count if order == "as they came" else REMEMBERED + 1)
    state = of(guard)
    for again in (guard, Guard(file)):
        for command in commands:
            for now_ms in (0, 999, None):
                outcome = again.command(*command, now_ms)
                assert outcome in (Outcome.REPEATED, Outcome.EXPIRED)
        assert again.state is state
    assert guard.command("later", NONE, 0, 1000 + count, 0) is Outcome.DONE
    assert len(load(file).executed) == REMEMBERED  # type: ignore[union-attr]


def damaged_in_every_way(whole: bytes) -> Iterator[bytes]:
    """At each byte: another one there, or nothing from there on."""
    for place in range(len(whole)):
        yield whole[:place] + bytes([whole[place] ^ 0x21]) + whole[place + 1 :]
        yield whole[:place]


def test_at_whichever_byte_the_file_is_damaged_nothing_that_was_executed_is_again(tmp_path: Path) -> None:
    before, file = tmp_path / "before", tmp_path / "privacy"
    commands = [(str(n), word, NOW_MS + n, NOW_MS + DAY_MS) for n, word in enumerate((GEOLOCATION, NONE, FULL, NONE))]
    guard = Guard(before)
    for command in commands:
        assert guard.command(*command, NOW_MS + 10) is Outcome.DONE
    clocks_ms = (None, IN_1970_MS, IN_2038_MS, NOW_MS + 10, None, NOW_MS + AHEAD_MS, NOW_MS + DAY_MS - 1)
    for damaged in damaged_in_every_way(before.read_bytes()):
        file.write_bytes(damaged)
        guard = Guard(file)
        for now_ms in clocks_ms:
            for command in commands:
                assert guard.command(*command, now_ms) not in (Outcome.DONE, Outcome.REPEATED)
        assert of(guard) is FULL
        later_ms = NOW_MS + 10 + AHEAD_MS
        assert guard.command("at last", NONE, later_ms, later_ms + 1, NOW_MS + 10) is Outcome.FORGOTTEN
        assert guard.command("later", NONE, later_ms + 1, later_ms + DAY_MS, later_ms) is Outcome.DONE
        assert Guard(file).command("later", NONE, later_ms + 1, later_ms + DAY_MS, later_ms) is Outcome.REPEATED
        assert Guard(file).state is NONE


def test_after_damage_a_command_that_does_not_say_when_it_was_issued_is_not_executed(file: Path) -> None:
    Guard(file).command("a", NONE, 0, NOW_MS + DAY_MS, NOW_MS)
    file.write_bytes(b"")
    for now_ms, outcome in ((None, Outcome.TIMELESS), (IN_1970_MS, Outcome.FORGOTTEN), (NOW_MS, Outcome.FORGOTTEN)):
        assert Guard(file).command("a", NONE, 0, NOW_MS + DAY_MS, now_ms) is outcome
    # And by a clock that was far behind then nothing is noted.
    assert Guard(file).command("b", FULL, NOW_MS, NOW_MS + DAY_MS, NOW_MS) is Outcome.FORGOTTEN
    assert Guard(file).command("a", NONE, 0, NOW_MS + DAY_MS, NOW_MS + DAY_MS - 1) is Outcome.FORGOTTEN


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_in_whichever_order_commands_come_the_one_that_was_issued_last_holds(file: Path, order: list[int]) -> None:
    commands = [(str(n), word, NOW_MS + n, NOW_MS + DAY_MS) for n, word in enumerate((FULL, NONE, GEOLOCATION, NONE))]
    guard = Guard(file)
    for place, number in enumerate(order):
        newest = number == max(order[: place + 1])
        assert guard.command(*commands[number], NOW_MS + 10) is (Outcome.DONE if newest else Outcome.OVERTAKEN)
        guard = Guard(file)
    assert of(guard) is NONE


def test_of_two_commands_within_a_millisecond_both_are_executed(file: Path) -> None:
    guard = Guard(file)
    assert guard.command("a", FULL, NOW_MS, NOW_MS + DAY_MS, NOW_MS) is Outcome.DONE
    assert guard.command("b", NONE, NOW_MS, NOW_MS + DAY_MS, NOW_MS) is Outcome.DONE
    assert of(guard) is NONE


def test_by_a_clock_that_is_behind_a_command_is_not_issued_yet_and_makes_nothing_laxer(file: Path) -> None:
    guard = Guard(file)
    guard.command("a", FULL, NOW_MS, NOW_MS + DAY_MS, NOW_MS)
    assert guard.command("b", NONE, NOW_MS, NOW_MS + DAY_MS, NOW_MS - AHEAD_MS - 1) is Outcome.TIMELESS
    assert guard.command("b", NONE, NOW_MS, NOW_MS + DAY_MS, NOW_MS - AHEAD_MS) is Outcome.DONE


def test_a_clock_of_the_clouds_that_was_ahead_silences_nothing(file: Path) -> None:
    guard = Guard(file)
    assert guard.command("a", FULL, IN_2038_MS, IN_2038_MS + DAY_MS, None) is Outcome.DONE
    assert guard.command("b", NONE, NOW_MS, NOW_MS + DAY_MS, NOW_MS) is Outcome.DONE
    assert guard.command("c", FULL, NOW_MS - 1, NOW_MS + DAY_MS, NOW_MS) is Outcome.OVERTAKEN


STEPS = st.lists(
    st.one_of(
        st.sampled_from(["ask for None", "ask for Geolocation", "ask for Full", "start", "damage", "wait"]),
        st.integers(0, 7),  # One of the last commands comes, maybe again.
        st.sampled_from([None, IN_1970_MS, IN_2038_MS, NOW_MS]),  # What the clock says from then on; now: the time.
    ),
    max_size=40,
)


@given(STEPS, st.sampled_from(Privacy))
def test_whatever_befalls_file_and_clock_no_command_is_executed_twice(
    steps: list[str | int | None], unknown: Privacy
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "privacy"
        guard = Guard(file, unknown=unknown)
        time_ms = NOW_MS
        clock_ms: int | None = NOW_MS
        commands: list[tuple[str, Privacy, int, int]] = []
        done: list[str] = []
        for step in steps:
            time_ms += 7
            if isinstance(step, str) and step.startswith("ask"):
                word = Privacy(step.rpartition(" ")[2])
                commands.append((str(len(commands)), word, time_ms, time_ms + DAY_MS))
            elif step == "wait":
                time_ms += AHEAD_MS
            elif step in ("start", "damage"):
                if step == "damage" and file.exists():
                    file.write_bytes(file.read_bytes()[:-1])
                guard = Guard(file, unknown=unknown)
            elif isinstance(step, int) and step < 8:
                for command in commands[-1 - step :][:1]:
                    now_ms = time_ms if clock_ms == NOW_MS else clock_ms
                    if guard.command(*command, now_ms) is Outcome.DONE:
                        done.append(command[0])
            elif not isinstance(step, str):
                clock_ms = step
        assert len(done) == len(set(done))


def test_ids_that_were_kept_without_their_expiry_are_known_still(file: Path) -> None:
    save_checked(file, "canlift privacy 1", b'{"words": {"command": "Full"}, "executed": ["a", "b"], "told": "Full"}\n')
    guard = Guard(file)
    assert guard.command("a", NONE, 0, 1000, 0) is Outcome.REPEATED
    assert guard.command("c", GEOLOCATION, 0, 1000, 0) is Outcome.DONE
    assert Guard(file).command("b", NONE, 0, 1000, 0) is Outcome.REPEATED
    assert of(guard) is GEOLOCATION


def test_an_expired_command_is_refused_and_without_a_clock_it_may_only_make_it_stricter(file: Path) -> None:
    guard = Guard(file)
    assert guard.command("a", FULL, 0, 1000, 1000) is Outcome.EXPIRED
    assert guard.command("b", GEOLOCATION, 0, 1000, None) is Outcome.DONE
    assert guard.command("c", NONE, 0, 1000, None) is Outcome.TIMELESS
    assert of(guard) is GEOLOCATION
    assert guard.command("c", NONE, 0, 1000, 999) is Outcome.DONE
    assert of(guard) is NONE


def test_whether_the_cloud_was_told_is_kept_too(file: Path) -> None:
    guard = Guard(file)
    assert guard.told
    guard.command("a", FULL, 0, 1000, 0)
    assert (guard.told, Guard(file).told) == (False, False)
    guard.tell()
    assert (guard.told, Guard(file).told) == (True, True)


def test_what_the_disk_refuses_holds_in_memory_and_is_kept_when_it_can_be(file: Path) -> None:
    guard = Guard(file)
    in_the_way = file.with_name(file.name + UNFINISHED)
    in_the_way.mkdir(parents=True)
    guard.command("a", GEOLOCATION, 0, 1000, 0)
    assert (guard.state, guard.unwritten) == (GEOLOCATION, 1)
    assert Guard(file).state is NONE
    in_the_way.rmdir()
    guard.tick()
    assert Guard(file).state is GEOLOCATION


def test_a_switch_says_a_state_or_what_is_mapped_to_one_and_else_nothing(tmp_path: Path) -> None:
    file = tmp_path / "switch"
    named, mapped = Switch(file), Switch(file, {"0": NONE, "1": FULL})
    assert named.read() is None
    for text, by_name, by_value in (
        ("Geolocation\n", GEOLOCATION, None),
        ("Full", FULL, None),
        ("1\n", None, FULL),
        ("0", None, NONE),
        ("", None, None),
        ("geo", None, None),
        ("\xff\xfe", None, None),
        ("None" * 1000, None, None),
    ):
        file.write_bytes(text.encode("latin-1"))
        assert (named.read(), mapped.read()) == (by_name, by_value)


@given(st.lists(st.tuples(st.sampled_from(Source), st.sampled_from(Privacy)), max_size=20))
def test_after_any_words_a_restart_says_the_same(words: list[tuple[Source, Privacy]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "privacy"
        expected = [Source.BUS, Source.SWITCH]
        guard = Guard(file, expected)
        last = {Source.BUS: FULL, Source.SWITCH: FULL, Source.COMMAND: NONE}
        for number, (source, word) in enumerate(words):
            if source is Source.COMMAND:
                guard.command(str(number), word, 0, 10, 0)
            else:
                guard.heard(source, word)
            last[source] = word
            assert of(guard) is strictest(*last.values())
            assert Guard(file, expected).state is guard.state


def test_a_switch_that_is_a_pipe_nobody_writes_to_holds_nobody_up(tmp_path: Path) -> None:
    pipe = tmp_path / "switch"
    os.mkfifo(pipe)
    reading = threading.Thread(target=Switch(pipe).read, daemon=True)
    reading.start()
    reading.join(60)
    assert not reading.is_alive()
