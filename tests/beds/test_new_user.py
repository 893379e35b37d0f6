"""What a newcomer does, by the README alone, in a clean Debian without a network; and there what docs/api.md shows.

Nothing is installed in it but what the README says, and nothing is replaced in its commands. One machine is both cloud
and box.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.beds.newcomer import CHECKOUT, USER, Terminal, arrived
from tests.beds.nspawn import Machine
from tests.conftest import ROOT
from tests.documents import Shown, blocks, commands, in_block, words

README = ROOT / "README.md"
CHAPTER = "From nothing to the first answer"
BY_ROOT = {
    command for block in blocks(README) if block.text.startswith("# as root") for command in in_block(block.text)
}
TRUTH = json.loads((ROOT / "demo" / "drive.truth.json").read_text())

OF_THE_DRIVE = {
    "VF30A5FWTEST00001": "VR3CANL1FT0000001",
    "vinPrefix=VF3": "vinPrefix=VR3",
    "2024-03-05T08:00:00": "2026-05-12T00:00:00",
    "FLEET_ID": "mine",
}
ONE_ATTEMPT = {'"policy": "Bounded", "retryNumber": 3, "retryDelay": 10': '"policy": "None"'}
ANSWERED = [*["200"] * 8, "304", "202", "200", "200", "202", "202", "202", "204", "200", "202", "200", "200", "200"]
STATUS = "canlift-agent status --once --json"
FRAMES = 2000
BRIDGE = f"cd /home/{USER}/bridge; bin/canlift-bridge"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    (install,) = commands("README.md", CHAPTER, only="^apt-get install [a-z]")
    with arrived(tmp_path_factory.mktemp("newcomer"), words(install)[2:]) as machine:
        yield machine


@pytest.fixture(scope="module")
def terminals(machine: Machine) -> Iterator[dict[str, Terminal]]:
    terminals = {user: Terminal(machine, user, CHECKOUT) for user in ("root", USER)}
    yield terminals
    for terminal in terminals.values():
        terminal.close()


@pytest.fixture(scope="module")
def said(terminals: dict[str, Terminal]) -> dict[str, str]:
    """What each command of the chapter says. The package was made already: it takes a minute."""
    typed = commands("README.md", CHAPTER, but="^make deb$")
    return {command: terminals["root" if command in BY_ROOT else USER].type(command) for command in typed}


@pytest.mark.types("README.md", "From nothing to the first answer", but="^make deb$")
def test_the_first_answer_comes_by_the_readme_alone(said: dict[str, str], shown: Shown) -> None:
    assert list(shown) == list(said)
    (replayed,) = (text for command, text in said.items() if command.startswith("canlift-agent replay "))
    assert replayed.endswith("every upload is receipted\n")
    *_, answer = said.values()
    assert json.loads(answer)["odometer"]["mileage"] == pytest.approx(TRUTH["odometer_km"], abs=0.05)


@pytest.mark.usefixtures("said")
def test_the_service_runs_and_is_let_in_by_its_certificate(machine: Machine) -> None:
    machine.until(STATUS, lambda text: '"connected": true' in text)
    assert machine.does("systemctl is-active canlift-agent") == "active\n"
    assert "can0: Address family not supported" in machine.log("canlift-agent"), "the kernel here has no CAN"


@pytest.mark.usefixtures("said")
def test_what_the_service_hears_by_an_adapter_is_receipted(machine: Machine, terminals: dict[str, Terminal]) -> None:
    terminals["root"].type(f"cd {CHECKOUT}; python3 tests/beds/adapter.py demo/drive.log.gz {FRAMES} > /tmp/adapter &")
    port = machine.until("cat /tmp/adapter", lambda text: text.endswith("\n")).strip()
    settings = machine.tree / "etc/canlift/agent.toml"
    there = f'channel = "{port}"\ninterface = "slcan"\nbitrate = 500000'
    settings.write_text(settings.read_text().replace('channel = "can0"', there))
    before = _receipted(machine)
    machine.does("systemctl restart canlift-agent")
    machine.until("cat /tmp/adapter", lambda text: "played" in text)
    machine.until(STATUS, lambda text: json.loads(text)["buses"]["can0"]["frames"] == FRAMES)
    machine.does("systemctl restart canlift-agent")
    machine.until("canlift-agent journal --json", lambda text: json.loads(text)[0]["uploads"] == 0)
    assert _receipted(machine) > before
    assert "refused" not in machine.log("canlift-agent")


@pytest.mark.types("docs/api.md", "The API")
@pytest.mark.types("docs/api.md", "Being told")
@pytest.mark.types("docs/api.md", "Having a vehicle do something")
@pytest.mark.usefixtures("said")
def test_what_the_how_to_of_the_api_shows_works(machine: Machine, terminals: dict[str, Terminal], shown: Shown) -> None:
    """The operator's commands are typed last, since the last chapter makes what they are about: a notification that
    nobody takes."""
    terminal = terminals[USER]
    # Each answer with its status behind, also where it is read by another program.
    terminal.type("curl() { command curl -w '%{stderr} %{http_code}\\n' \"$@\"; }")
    terminal.type("fleet=mine")
    replaced = {**OF_THE_DRIVE, **ONE_ATTEMPT}
    statuses, operators = [], []
    for command in shown:
        if command.startswith("canlift-bridge notifications "):
            operators.append(command)
            continue
        if "If-None-Match" in command:
            known = terminal.type(command.partition(" -H ")[0])
            replaced['"…"'] = known.partition("etag: ")[2].partition("\n")[0].strip()
        said = terminal.type(_with(replaced, command))
        if "curl " in command:
            statuses.append(said.rpartition(" ")[2].strip())
        if "/trips?" in command:
            trips, _ = json.JSONDecoder().raw_decode(said)
            terminal.type(f"trip={trips['_embedded']['trips'][0]['id']}")
    assert statuses == ANSWERED
    listed = machine.until(f"{BRIDGE} notifications list --json", lambda text: json.loads(text)["dead"] == 1)
    (dead,) = json.loads(listed)["newestDead"]
    replaced = {"NOTIFICATION_ID": dead["id"], "MONITOR_ID": dead["sender"]}
    last = [terminal.type(_with(replaced, command)) for command in operators]
    assert "partner.example.com" in last[0]
    assert '"eventStatus"' in last[1]
    assert last[2].startswith("1 wait again")


def _receipted(machine: Machine) -> int:
    """How many uploads of the vehicle the bridge has."""
    (vehicle,) = json.loads(machine.does(f"{BRIDGE} vehicle list --json --config bridge.toml"))
    uploads: int = vehicle["uploads"]
    return uploads


def _with(replaced: dict[str, str], command: str) -> str:
    for name, ours in replaced.items():
        command = command.replace(name, ours)
    return command
