"""The command as people and services use it: its words, its exit status, and what a signal does to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest

from agent.cli import FAILED, OK, USAGE, main
from agent.journal.journal import Journal
from agent.journal.segments import Key, segment_files
from tests.agent.bridge import Bridge, eventually, number_of
from tests.conftest import ROOT, Mosquitto, free_port

VIN = "VR3CANL1FT0000001"
LOG = ROOT / "demo" / "drive.log.gz"
BOOT = bytes(range(16))
PATIENCE_S = 300


@contextmanager
def agent(*words: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "agent.cli", *map(str, words)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    limit = threading.Timer(PATIENCE_S, process.kill)
    limit.start()
    try:
        yield process
    finally:
        limit.cancel()
        process.kill()
        process.communicate()


def replaying(state: Path, port: int, *words: object) -> list[object]:
    settings = state.parent / "agent.toml"
    settings.write_text(
        f'state = "{state}"\n[journal]\nflush_every = "200ms"\n'
        '[uplink]\nreceipt_timeout = "500ms"\nfirst_backoff = "50ms"\n'
    )
    where = ["--vin", VIN, "--model", "demo-car", "--broker", f"127.0.0.1:{port}", "--config", settings]
    return ["replay", LOG, *where, *words]


def test_it_says_which_version_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"canlift-agent {version('canlift')}\n"


def test_a_replay_ends_with_0_and_says_what_was_lifted(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with (
        Bridge(mosquitto.port, number_of) as bridge,
        agent(*replaying(tmp_path / "state", mosquitto.port)) as process,
    ):
        _, said = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == OK
        assert "every upload is receipted" in said
        assert "\x1b" not in said
        assert len(bridge.held) > 10


def test_a_replay_without_a_broker_fails_names_it_and_says_what_is_kept(tmp_path: Path) -> None:
    port = free_port()
    with agent(*replaying(tmp_path / "state", port, "--timeout", 1)) as process:
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == FAILED
    assert f"no connection to 127.0.0.1:{port}" in said
    assert f"uploads are kept in {tmp_path / 'state' / VIN}" in said


def test_a_replay_of_another_model_says_that_nothing_of_it_was_found(
    mosquitto: Mosquitto, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "other.log"
    log.write_text("".join(f"({1_600_000_000 + n}.000000) can0 7FF#00\n" for n in range(30)))
    words = ["replay", log, "--vin", VIN, "--model", "demo-car", "--state", tmp_path / "state"]
    with Bridge(mosquitto.port, number_of):
        assert main([*map(str, words), "--broker", f"127.0.0.1:{mosquitto.port}"]) == OK
    assert "nothing was found that demo-car collects: is it the right --model" in capsys.readouterr().err


def test_a_replay_ends_with_the_reason_when_the_broker_takes_no_upload_of_that_size(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    mosquitto.kill()
    mosquitto.extra = "max_packet_size 300\n"
    mosquitto.start()
    with Bridge(mosquitto.port, number_of), agent(*replaying(tmp_path, mosquitto.port, "--timeout", 4)) as process:
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == FAILED
    assert "uploads or manifests do not get through" in said
    assert "raise the broker's limit (mosquitto: max_packet_size" in " ".join(said.split())


@pytest.mark.slow
def test_a_replay_that_nobody_receipts_fails_and_says_where_to_look(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with agent(*replaying(tmp_path / "state", mosquitto.port, "--timeout", 4)) as process:
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == FAILED
    assert "nobody receipts them: is the bridge running" in said


@pytest.mark.slow
def test_an_interrupted_replay_keeps_what_is_pending(mosquitto: Mosquitto, tmp_path: Path) -> None:
    with agent(*replaying(tmp_path / "state", mosquitto.port, "--speed", 300)) as process:
        assert eventually(lambda: bool(segment_files(tmp_path / "state" / VIN / "journal")))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert "interrupted; " in said
    assert "Traceback" not in said
    with Journal(tmp_path / "state" / VIN / "journal", time.monotonic) as journal:
        assert journal.depth > 0


@pytest.mark.slow
def test_a_replay_killed_with_9_goes_on_and_every_upload_arrives_under_one_number(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    words = replaying(tmp_path / "state", mosquitto.port)
    with Bridge(mosquitto.port, number_of) as bridge:
        with agent(*words, "--speed", 300) as process:
            assert eventually(lambda: len(bridge.held) >= 3)
            process.kill()
            process.wait()
        before = dict(bridge.held)
        bridge.held.clear()
        with agent(*words) as process:
            process.communicate(timeout=PATIENCE_S)
        assert process.returncode == OK
        # One whose receipt the broker kept for the agent is not sent again; all others are, as the same bytes.
        assert all(bridge.held.get(key, payload) == payload for key, payload in before.items())
        sequences = sorted(key.sequence for key in before | bridge.held)
        assert sequences == list(range(len(sequences)))


LIVE = """
vin = "{vin}"
profile = "{profile}"
state = "{state}"
[buses.can0]
interface = "virtual"
channel = "canlift-cli"
[uplink]
brokers = ["127.0.0.1:{port}"]
receipt_timeout = "500ms"
"""


@pytest.mark.slow
def test_a_live_run_ends_with_0_at_sigterm(mosquitto: Mosquitto, tmp_path: Path) -> None:
    settings = tmp_path / "agent.toml"
    profile = ROOT / "config" / "vehicles" / "demo-car.toml"
    settings.write_text(LIVE.format(vin=VIN, profile=profile, state=tmp_path / "state", port=mosquitto.port))
    with agent("run", "--config", settings) as process:
        wanted = {f"running: vehicle {VIN}", f"connected to 127.0.0.1:{mosquitto.port}"}
        assert process.stderr is not None
        while wanted:
            line = process.stderr.readline()
            assert line, f"it ended and did not say {wanted}"
            wanted = {words for words in wanted if words not in line}
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == OK


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--vin", "VR3"], "--vin: 'VR3' is no VIN"),
        (["--model", "demo-cat"], "did you mean demo-car?"),
        (["--bus", "can0=comfort"], "--bus: the profile has no bus comfort; it has can0"),
        (["--broker", "a:b"], '--broker: expected "host" or "host:port", found \'a:b\''),
    ],
)
def test_wrong_words_are_answered_with_what_was_expected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    assert main(["replay", str(LOG), "--vin", VIN, "--model", "demo-car", "--state", str(tmp_path), *words]) == USAGE
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--speed", "0"], "expected a number above 0, or max; found '0'"),
        (["--bus", "can0"], "expected INTERFACE=BUS"),
        (["--timeout", "nan"], "expected seconds, a number above 0; found 'nan'"),
        (["--timeout=-1"], "expected seconds, a number above 0; found '-1'"),
        (["--cadence", "7"], 'expected a duration such as "500ms"'),
    ],
)
def test_a_wrong_option_is_usage(capsys: pytest.CaptureFixture[str], words: list[str], complaint: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["replay", str(LOG), *words])
    assert ended.value.code == USAGE
    assert complaint in capsys.readouterr().err


def test_a_replay_needs_a_vehicle_and_a_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(LOG), "--model", "demo-car"]) == USAGE
    assert "which vehicle is it? give --vin" in capsys.readouterr().err
    assert main(["replay", str(LOG), "--vin", VIN]) == USAGE
    assert "which model is it? give --model, a file or one of: " in capsys.readouterr().err


def test_a_live_run_says_what_its_settings_lack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "agent.toml"
    settings.write_text(f'vin = "{VIN}"\n')
    assert main(["run", "--config", str(settings)]) == USAGE
    told = "a live run needs profile, buses; [buses.NAME] says the channel of each of the profile's buses"
    assert told in capsys.readouterr().err


def test_a_live_run_refuses_a_bus_that_the_profile_does_not_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = ROOT / "config" / "vehicles" / "demo-car.toml"
    settings = tmp_path / "agent.toml"
    settings.write_text(f'vin = "{VIN}"\nprofile = "{profile}"\n[buses.can7]\nchannel = "can7"\n')
    assert main(["run", "--config", str(settings)]) == USAGE
    assert "the profile has no bus can7; it has can0" in capsys.readouterr().err


def test_an_event_that_is_switched_off_must_be_one_of_the_profile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = ROOT / "config" / "vehicles" / "demo-car.toml"
    settings = tmp_path / "agent.toml"
    settings.write_text(
        f'vin = "{VIN}"\nprofile = "{profile}"\nstate = "state"\n[buses.can0]\nchannel = "can0"\n'
        '[events]\noff = ["dors"]\n'
    )
    for command in ("run", "check"):
        assert main([command, "--config", str(settings)]) != 0
        out, err = capsys.readouterr()
        assert "events.off: the profile has no event dors; did you mean doors?" in " ".join((out + err).split())


def test_a_low_supply_that_nothing_measures_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = ROOT / "config" / "vehicles" / "demo-car.toml"
    settings = tmp_path / "agent.toml"
    text = f'vin = "{VIN}"\nprofile = "{profile}"\nstate = "s"\n[buses.can0]\nchannel = "can0"\n[power]\nlow = 11.8\n'
    settings.write_text(text)
    for command in ("run", "check"):
        assert main([command, "--config", str(settings)]) != 0
        out, err = capsys.readouterr()
        assert "power.low: nothing tells the voltage: give supply_file" in " ".join((out + err).split())
    settings.write_text(f'{text}supply_file = "volts"\n')
    assert main(["check", "--config", str(settings)]) == 0


def test_a_journal_held_by_another_agent_is_a_failure_that_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Journal(tmp_path / VIN / "journal", time.monotonic):
        status = main(["replay", str(LOG), "--vin", VIN, "--model", "demo-car", "--state", str(tmp_path)])
    assert status == FAILED
    assert "another agent uses this journal" in capsys.readouterr().err


@pytest.fixture
def damaged_journal(tmp_path: Path) -> Path:
    folder = tmp_path / VIN / "journal"
    with Journal(folder, time.monotonic) as journal:
        for sequence in (0, 1, 2, 5):
            journal.append(Key(BOOT, sequence), bytes(100))
    with segment_files(folder)[0].open("ab") as file:
        file.write(b"torn")
    return tmp_path


def test_journal_shows_boots_numbers_and_damage_for_programs(
    damaged_journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["journal", str(damaged_journal), "--json"]) == OK
    (inventory,) = json.loads(capsys.readouterr().out)
    assert inventory["uploads"] == 4
    (boot,) = inventory["boots"]
    assert boot == {
        "boot": BOOT.hex(),
        "uploads": 4,
        "bytes": 400,
        "sequences": [[0, 2], [5, 5]],
        "priorities": {"event": 0, "state": 0, "history": 4},
        "thinned": 0,
    }
    assert (inventory["evicted"], inventory["newer"]) == ([], 0)
    assert [(damage["bytes"], damage["offset"]) for damage in inventory["damage"]] == [(4, 552)]


def test_journal_shows_the_same_to_people_and_changes_nothing(
    damaged_journal: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    segment = segment_files(damaged_journal / VIN / "journal")[0]
    before = segment.read_bytes()
    for folder in (damaged_journal, damaged_journal / VIN, damaged_journal / VIN / "journal"):
        assert main(["journal", str(folder)]) == OK
        said = capsys.readouterr().out
        assert "0-2, 5" in said
        assert "damaged" in said
    assert segment.read_bytes() == before


def test_journal_of_a_folder_without_one_is_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["journal", str(tmp_path)]) == USAGE
    assert f"{tmp_path}: no journal is here" in capsys.readouterr().err


def test_check_is_one_of_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--model", "demo-car"]) == OK
    assert "VehicleState" in capsys.readouterr().out


@pytest.mark.slow
def test_a_user_without_settings_keeps_state_at_home(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "agent.cli", "replay", str(LOG), "--vin", VIN, "--model", "demo-car"]
    words = [*command, "--broker", f"127.0.0.1:{free_port()}", "--timeout", "0.5"]
    subprocess.run(words, cwd=ROOT, env=environment, check=False, capture_output=True, timeout=PATIENCE_S)
    assert segment_files(tmp_path / "canlift" / VIN / "journal")


def test_the_service_loads_nothing_that_it_seldom_needs() -> None:
    seldom = {"asammdf", "can", "cantools", "isotp", "pynmeagps", "rich", "serial", "http.client", "agent.cli.check"}
    seldom |= {"agent.sampling.watches", "agent.watching", "contract.watching", "cryptography"}
    seldom |= {"agent.remote.remote", "agent.remote.transmitting", "agent.plan.actions", "agent.plan.compiling_actions"}
    seldom |= {"contract.steps", "contract.actions", "contract.profile.action_rules", "contract.profile.programs"}
    program = f"import sys; from agent.cli import load; load('run'); print(*sorted({seldom!r} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert said.stdout.split() == []


def test_what_is_loaded_later_is_there_when_it_is_used() -> None:
    program = (
        "import agent.uplink, urllib.request, sys; assert 'http.client' not in sys.modules\n"
        "from urllib.request import getproxies, urlopen; assert callable(urlopen) and 'http.client' in sys.modules\n"
        "import urllib.request; assert urllib.request.getproxies is getproxies"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
