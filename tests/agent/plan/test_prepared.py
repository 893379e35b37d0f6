"""What is kept of databases between two starts: the same plan, never another, and never the reader in the service."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.databases.loaded import Loaded
from agent.plan import apart, stored
from agent.plan.compiling import compile_plan
from agent.plan.plan import Plan
from agent.plan.prepared import prepared_plan
from agent.plan.reading import prepare
from agent.plan.stored import KEPT, Shelf, decode, encode, key_of
from contract.configuration import ConfigurationError
from contract.profile.profile import load_profile
from tests.agent.model import write
from tests.conftest import ROOT

PROFILES = sorted((ROOT / "config" / "vehicles").glob("*.toml"))


def kept(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{stored.SUFFIX}"))


def is_kept(file: Path, folder: Path) -> bool:
    """Whether the next start finds what it needs."""
    return Shelf(folder).get(key_of(file, load_profile(file))) is not None


def prepared(file: Path, folder: Path) -> Path:
    """Kept without another process."""
    content = prepare(file)
    found = decode(content)
    assert found is not None
    return Shelf(folder).put(found[0], content)


def assert_same(one: Plan, other: Plan, randomness: random.Random) -> None:
    assert one.manifest == other.manifest
    assert one.known == other.known
    assert one.findings == other.findings
    assert one.conditions == other.conditions
    assert one.groups == other.groups
    assert [signal.layout for signal in one.signals] == [signal.layout for signal in other.signals]
    assert len(one.messages) == len(other.messages)
    for mine, theirs in zip(one.messages, other.messages, strict=True):
        assert (mine.name, mine.bus, mine.id, mine.signals) == (theirs.name, theirs.bus, theirs.id, theirs.signals)
        for _ in range(20):
            payload = randomness.randbytes(64 if mine.name != "GNSS" else 8)
            if mine.bus in one.buses:
                assert mine.decode(payload) == theirs.decode(payload)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_the_plan_from_what_is_kept_is_the_one_from_the_databases(profile: Path, tmp_path: Path) -> None:
    prepared(profile, tmp_path)
    assert_same(prepared_plan(profile, tmp_path), compile_plan(profile), random.Random(0))


def test_the_first_start_reads_the_databases_in_another_process_and_keeps_them(tmp_path: Path) -> None:
    file, folder = write(tmp_path), tmp_path / "plans"
    program = (
        "import sys; from pathlib import Path; from agent.plan.prepared import prepared_plan\n"
        f"prepared_plan(Path({str(file)!r}), Path({str(folder)!r}))\n"
        "print('cantools' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert said.stdout.strip() == "False"
    assert is_kept(file, folder)


def test_of_messages_that_are_not_wanted_no_signal_is_kept(tmp_path: Path) -> None:
    file = write(tmp_path)
    found = decode(prepare(file))
    assert found is not None
    (database,) = found[1].values()
    signals = {layout.name: len(layout.signals) for layout in database.layouts}
    assert signals["Motion"] == 4
    assert signals["Satellite"] == 2
    read_by_the_clock = {"Satellite"}
    wanted = {name.partition(".")[0] for name in load_profile(file).signals} | read_by_the_clock
    assert not any(count for name, count in signals.items() if name not in wanted)


def test_another_database_or_another_profile_is_not_found(tmp_path: Path) -> None:
    file, folder = write(tmp_path), tmp_path / "plans"
    prepared(file, folder)
    assert is_kept(file, folder)
    database = tmp_path / "car.dbc"
    text = database.read_text()
    database.write_text(text.replace('0|16@1+ (0.01,0) [0|300] "km/h"', '0|16@1+ (0.02,0) [0|300] "km/h"'))
    assert not is_kept(file, folder)
    speed = next(s for g in prepared_plan(file, folder).manifest.groups for s in g.signals if s.name == "Motion.Speed")
    assert speed.scale == 0.02
    database.write_text(text)
    assert is_kept(file, folder)
    file.write_text(file.read_text() + "\n# Another profile.\n")
    assert not is_kept(file, folder)


def test_what_other_code_has_kept_is_not_found(tmp_path: Path) -> None:
    file = write(tmp_path)
    for side in ("agent", "contract"):
        shutil.copytree(ROOT / side, tmp_path / side, ignore=shutil.ignore_patterns("__pycache__"))
    program = (
        "import sys; from pathlib import Path; from agent.plan.stored import key_of\n"
        "from contract.profile.profile import load_profile\n"
        f"file = Path({str(file)!r}); print(key_of(file, load_profile(file)).hex())"
    )

    def key() -> str:
        command = [sys.executable, "-c", program]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    before = key()
    assert before == key_of(file, load_profile(file)).hex()
    with (tmp_path / "agent" / "databases" / "healing.py").open("a") as code:
        code.write("# Heals otherwise.\n")
    assert key() != before


def test_damage_anywhere_is_seen_and_the_databases_are_read_again(tmp_path: Path) -> None:
    file, folder = write(tmp_path), tmp_path / "plans"
    path = prepared(file, folder)
    whole = path.read_bytes()
    for at in range(len(whole)):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        found = decode(bytes(flipped))
        assert found is None, at
    for cut in range(0, len(whole), 7):
        assert decode(whole[:cut]) is None
    path.write_bytes(whole[:-1])
    assert_same(prepared_plan(file, folder), compile_plan(file), random.Random(1))
    assert path.read_bytes() == whole


def test_what_is_kept_and_does_not_make_a_plan_is_read_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, folder = write(tmp_path), tmp_path / "plans"
    key = key_of(file, load_profile(file))
    Shelf(folder).put(key, encode(key, {str(tmp_path / "car.dbc"): Loaded((), ())}, frozenset()))
    assert_same(prepared_plan(file, folder), compile_plan(file), random.Random(2))
    assert "does not make a plan" in caplog.text


def test_without_a_folder_to_write_to_there_is_a_plan_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(tmp_path)
    (tmp_path / "file").write_text("no folder")
    assert_same(prepared_plan(file, tmp_path / "file" / "plans"), compile_plan(file), random.Random(3))
    assert "the databases are read at each start" in caplog.text


def test_where_no_process_can_be_started_nothing_is_read_apart(tmp_path: Path) -> None:
    assert apart.read_apart(write(tmp_path), python=str(tmp_path / "no-python")) == b""


def test_what_is_wrong_is_said_as_the_compile_step_says_it(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_text(file.read_text().replace("car.dbc", "cart.dbc"))
    with pytest.raises(ConfigurationError) as direct:
        compile_plan(file)
    with pytest.raises(ConfigurationError) as kept_apart:
        prepared_plan(file, tmp_path / "plans")
    assert str(kept_apart.value) == str(direct.value)


def test_a_few_files_are_kept(tmp_path: Path) -> None:
    file, folder = write(tmp_path), tmp_path / "plans"
    for number in range(KEPT + 2):
        file.write_text(file.read_text() + f"\n# {number}\n")
        newest = prepared(file, folder)
    assert len(kept(folder)) == KEPT
    assert newest in kept(folder)
