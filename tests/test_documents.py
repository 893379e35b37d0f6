"""What the documents say is so: links lead somewhere, names exist, and every command works as it is written."""

from __future__ import annotations

import ast
import re
import signal
import subprocess
import time
import tomllib
from itertools import takewhile
from pathlib import Path

import pytest

from agent.cli import main as agent
from cloud_bridge.cli import main as bridge
from contract.profile.profile import load_profile
from tests.conftest import ROOT, Mosquitto, free_port
from tests.documents import DOCUMENTS, Shown, blocks, commands, spans, words
from tests.place import Place

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
SIDES = {"agent", "cloud_bridge"}
PLACES = "agent|bench|cloud_bridge|config|contract|dbc|demo|docs|systemd|tests"
BESIDE = {"docs/wire.md": ROOT / "contract"}
"""What a document is about: names without a folder are looked for there."""

documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)


def relative(document: Path) -> str:
    return str(document.relative_to(ROOT))


def written(document: Path) -> list[list[str]]:
    """The words of each command in its blocks and of each piece of code in its text."""
    shown = [*commands(relative(document)), *(span for span in spans(document) if "'" not in span)]
    return [found for found in map(words, shown) if found]


@documents
def test_every_link_leads_to_a_file(document: Path) -> None:
    targets = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text())]
    missing = [path for path in targets if path and "://" not in path and not (document.parent / path).exists()]
    assert missing == []


@documents
def test_every_file_and_module_that_is_named_exists(document: Path) -> None:
    beside = BESIDE.get(str(document.relative_to(ROOT)))
    named = {span.rstrip("/") for span in spans(document) if re.fullmatch(rf"({PLACES})(/[\w.-]+)*/?", span)}
    if beside is not None:
        named |= {str((beside / span).relative_to(ROOT)) for span in spans(document) if re.fullmatch(r"\w+\.\w+", span)
                  and span.rpartition(".")[2] in ("py", "cddl")}  # fmt: skip
    assert [name for name in sorted(named) if not ((ROOT / name).exists() or (ROOT / f"{name}.py").is_file())] == []


@documents
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    for typed in written(document):
        if typed[0] == "make":
            targets = [word for word in typed[1:] if "=" not in word]
            assert set(targets) <= TARGETS, typed
            subprocess.run(["make", "-n", *typed[1:]], cwd=ROOT, check=True, capture_output=True)


@documents
def test_every_extra_that_is_installed_exists(document: Path) -> None:
    for typed in written(document):
        if typed[:2] == ["pip", "install"]:
            named = re.fullmatch(r"\.\[(\w+)\]", typed[2])
            assert named is not None
            assert named[1] in PROJECT["optional-dependencies"]


def test_every_dependency_has_a_row_that_says_why_and_for_which_side() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text().partition("## Dependencies")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|")]
    explained = {(name, side) for names, side, why in rows[2:] if why for name in names.split(", ")}
    sides = {"agent": "agent", "bridge": "bridge"}
    declared = {(_name(requirement), "both") for requirement in PROJECT["dependencies"]}
    for extra, requirements in PROJECT["optional-dependencies"].items():
        declared |= {(_name(r), sides.get(extra, f"extra `{extra}`")) for r in requirements if _name(r) != "canlift"}
    assert explained == declared


def test_the_map_has_every_folder_and_every_type_is_where_it_says() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    folders = {str(file.parent.relative_to(ROOT)) for side in SIDES for file in (ROOT / side).glob("*/__init__.py")}
    assert folders == set(re.findall(r"^\| `((?:agent|cloud_bridge)/\w+)` \|", page, re.MULTILINE))
    rows = re.findall(r"^\| (`[A-Z].*?) \| `(\S+?)` \|", page, re.MULTILINE)
    assert rows
    for types, place in rows:
        files = [ROOT / place] if place.endswith(".py") else list((ROOT / place).glob("*.py"))
        text = "".join(file.read_text() for file in files)
        for name in re.findall(r"`(\w+)`", types):
            assert re.search(rf"^class {name}\b", text, re.MULTILINE), f"{name} is not in {place}"


@pytest.mark.parametrize(
    ("package", "strangers"), [(side, SIDES - {side}) for side in sorted(SIDES)] + [("contract", SIDES)]
)
def test_no_side_imports_the_other_and_their_contract_neither(package: str, strangers: set[str]) -> None:
    for file in (ROOT / package).rglob("*.py"):
        imported = re.findall(r"^\s*(?:from|import) (\w+)", file.read_text(), re.MULTILINE)
        assert not strangers & set(imported), file


def _name(requirement: str) -> str:
    found = re.match(r"[\w-]+", requirement)
    assert found is not None
    return found[0]


PROGRAMS = {"canlift-agent": agent, "canlift-bridge": bridge}
NOT_TYPED = {
    ("README.md", "make test"): "this is it",
    ("docs/raspberry-pi.md", "nano /etc/canlift/agent.toml"): "an editor; what it would write the test writes",
}


def typed_by_tests() -> list[tuple[str, str]]:
    """What the marks of all tests name."""
    found = []
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for statement in ast.walk(ast.parse(file.read_text())):
            if isinstance(statement, ast.FunctionDef):
                decorators = statement.decorator_list
                marks = [mark for mark in decorators if ast.unparse(mark).startswith("pytest.mark.types(")]
                assert not marks or "shown" in {each.arg for each in statement.args.args}, statement.name
                for mark in marks:
                    assert isinstance(mark, ast.Call)
                    named = [ast.literal_eval(each) for each in mark.args]
                    narrowed = {each.arg: ast.literal_eval(each.value) for each in mark.keywords if each.arg}
                    found += [(named[0], command) for command in commands(*named, **narrowed)]
    return found


def test_every_command_that_is_shown_is_typed_by_a_test() -> None:
    shown = {(name, command) for name in map(relative, DOCUMENTS) for command in commands(name)}
    assert NOT_TYPED.keys() <= shown
    typed = set(typed_by_tests())
    assert typed & NOT_TYPED.keys() == set()
    assert shown - typed - NOT_TYPED.keys() == set()


@documents
def test_every_command_that_the_text_names_exists_with_its_options(
    document: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for span in spans(document):
        program, *typed = words(span) if span.startswith(tuple(PROGRAMS)) and "'" not in span else [""]
        if typed:
            command = list(takewhile(re.compile("[a-z]+").fullmatch, typed))
            with pytest.raises(SystemExit) as ended:
                PROGRAMS[program]([*command, "--help"])
            explained = capsys.readouterr().out
            assert ended.value.code == 0, span
            assert [word for word in typed if word.startswith("--") and f"{word} " not in explained] == [], span


def test_every_program_is_named_in_the_readme() -> None:
    assert set(PROJECT["scripts"]) <= {typed[0] for typed in written(ROOT / "README.md")}


def test_the_profile_that_the_how_to_shows_is_one(tmp_path: Path) -> None:
    first = next(block for block in blocks(ROOT / "docs" / "profiles.md") if block.language == "toml")
    file = tmp_path / "my-car.toml"
    file.write_text(first.text)
    assert load_profile(file).model == "my-car"


@pytest.mark.slow
@pytest.mark.types("README.md", "In the cloud", but="^pip ")
@pytest.mark.types("README.md", "In the vehicle", but="^pip ")
def test_the_programs_of_the_readme_work_as_they_are_written(
    mosquitto: Mosquitto, shared: Path, tmp_path: Path, shown: Shown
) -> None:
    port = free_port()
    for name in ("bridge.toml", "agent.toml"):
        text = (ROOT / "config" / name).read_text().replace("1883", str(mosquitto.port)).replace("8080", str(port))
        text = text.replace('"vehicles', f'"{ROOT}/config/vehicles').replace(
            "/var/lib/canlift", str(tmp_path / "state")
        )
        text = text.replace('# status_socket = "/run/canlift/status.sock"', f'status_socket = "{tmp_path}/status.sock"')
        text = text.replace("# privacy = false", "privacy = true").replace("VR3CANL1FT0000001", "VF30A5FWTEST00001")
        (tmp_path / name).write_text(text.replace('# interface = "socketcan"', 'interface = "virtual"'))
    recording = shared / "data" / "logs" / "peugeot_partner_conf_bus_static.log.gz"
    replaced = {"localhost:1883": f"localhost:{mosquitto.port}", "drive.log": str(recording)}
    place = Place(tmp_path, replaced)
    typed = list(shown)
    vehicle = [command for command in typed if command.startswith("canlift-agent ")]
    cloud = [command for command in typed if command.startswith("canlift-bridge ")]
    assert [words(command)[1] for command in vehicle] == ["check", "replay", "run", "status", "journal"]
    assert sorted(vehicle + cloud) == sorted(typed)
    served = next(index for index, command in enumerate(cloud) if words(command)[1] == "serve")

    for command in cloud[:served]:
        said = place.type(command)
        if words(command)[1:3] == ["fleet", "add"]:
            replaced["FLEET_ID"] = said
    serving = place.start(cloud[served])
    running = None
    try:
        for command in vehicle:
            if words(command)[1] == "run":
                running = place.start(command)
                _await(tmp_path / "status.sock", running)
            else:
                place.type(command)
        for command in cloud[served + 1 :]:
            place.type(command)
        assert running is not None
        assert running.poll() is None
        running.terminate()
        _, err = running.communicate(timeout=60)
        assert running.returncode == 0, err
    finally:
        if running is not None:
            running.kill()
            running.communicate()
        serving.send_signal(signal.SIGTERM)
        out, err = serving.communicate(timeout=60)
    assert serving.returncode == 0, out + err


def _await(socket: Path, running: subprocess.Popen[str]) -> None:
    """Waits until the agent can be asked how it is."""
    deadline = time.monotonic() + 60
    while not socket.exists():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
