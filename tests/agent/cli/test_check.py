from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from agent.cli import check
from contract.alert_types import ALERT_TYPES
from contract.published import PUBLISHED
from tests.agent import model
from tests.agent.remote import model as asked


def shown(file: Path, *, whole: bool = False) -> tuple[int, str]:
    output = io.StringIO()
    status = check.check(file, Console(file=output, width=200), whole=whole)
    return status, output.getvalue()


def test_the_plan_is_shown_frame_by_frame_and_signal_by_signal(tmp_path: Path) -> None:
    status, text = shown(model.write(tmp_path))
    assert status == 0
    lines = text.splitlines()

    def line(*parts: str) -> str:
        return next(line for line in lines if all(part in line for part in parts))

    assert "car.dbc: clean" in lines
    assert "can0 counts while State.Power == 'Awake'" in lines
    assert "100 ms" in line("can0", "200", "Motion")
    assert "checksum, counter" in line("Guarded", "300")
    assert "as seen" in line("Pages", "400")
    assert "0 to 300" in line("Motion.Speed", "km/h", "every 1 s", "not raw 65535")
    assert "Motion.Test == 0" in line("Motion.Oil", "on change, again every 1 min")
    assert "read by conditions" in line("State.Power", "not sent")
    assert "MB up" in text


def test_every_published_datum_is_said_to_be_served_or_why_not(tmp_path: Path) -> None:
    _, text = shown(model.write(tmp_path), whole=True)
    assert "of 139 served" in text
    for name in (*(datum.name for datum in PUBLISHED), *ALERT_TYPES):
        assert name in text
    # Brackets are not taken for marks of the terminal's.
    assert "[trip]" in text


def test_in_a_pipe_no_name_is_broken_in_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main(["--model", str(model.write(tmp_path)), "--all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for alert in ALERT_TYPES:
        assert any(alert in line.split() for line in lines)


def test_shortly_what_is_served_is_named_and_what_is_not_is_told_by_the_reason(tmp_path: Path) -> None:
    absent = '\n[absent]\nadas = "nothing assists"\nalert = "it has no other lamp"\n'
    _, text = shown(model.write(tmp_path, model.PROFILE + absent))
    assert "Ignition state, " in text
    assert "not served: nothing assists: Park assist front, Park assist rear, ACCR State and 13 more" in text
    assert re.search(r"Types of alert: (\d+) of 104 served", text)
    assert "not served: it has no other lamp: " in text
    assert "AbsBrakingSystemFault, ActiveSpoilerFault, AdBlueFault and 100 more" in text


def test_what_healing_did_to_a_database_is_shown(tmp_path: Path) -> None:
    file = model.write(
        tmp_path, database=model.DATABASE.replace(" SG_ Level", ' SG_ 2nd : 26|1@1+ (1,0) [0|0] "" Car\n SG_ Level')
    )
    status, text = shown(file)
    assert status == 0
    assert "car.dbc:8: signal 2nd" in text
    assert "clean" not in text


def test_ids_that_two_databases_of_a_bus_claim_are_named(tmp_path: Path) -> None:
    others = ('BO_ 512 Velocity: 8 Car\n SG_ V : 0|8@1+ (1,0) [0|0] "" Car\n', "BO_ 257 Unwanted: 8 Car\n")
    for name, messages in (("other.dbc", others[0]), ("third.dbc", others[0] + others[1])):
        (tmp_path / name).write_text(f'VERSION ""\nBU_: Car\n{messages}')
    assert "(collision)" not in shown(model.write(tmp_path))[1]
    file = model.write(tmp_path, model.PROFILE.replace('["car.dbc"]', '["car.dbc", "other.dbc", "third.dbc"]'))
    status, text = shown(file)
    assert status == 0
    (line,) = (line for line in text.splitlines() if "(collision)" in line)
    assert line == (
        "can0: id 200 is Motion in car.dbc and Velocity in other.dbc: it is read as Motion, "
        "and each of its frames is counted (collision)"
    )


def test_whatever_is_wrong_is_shown_with_its_line_and_the_status_is_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = model.write(tmp_path, model.PROFILE.replace('"Motion.Level" =', '"Motion.Levle" ='))
    status, text = shown(file)
    assert status == 1
    assert text.startswith(f"{file}:17: ")
    assert "did you mean Level?" in text

    assert check.main(["--model", str(file)]) == 1
    assert "did you mean Level?" in capsys.readouterr().out
    assert check.main(["--model", "no-such-model"]) == 1
    assert "no-such-model" in capsys.readouterr().out


def test_the_agents_settings_are_checked_with_the_profile_they_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.write(tmp_path)
    settings = tmp_path / "agent.toml"
    settings.write_text('vin = "VF3AAAAAAAA000001"\nprofile = "car.toml"\n[buses.can0]\nchannel = "can0"\n')
    assert check.main(["--config", str(settings)]) == 0
    settings.write_text(settings.read_text().replace("buses.can0", "buses.can7"))
    assert check.main(["--config", str(settings)]) == 1
    assert "buses.can7: the profile has no such bus; it has can0" in capsys.readouterr().out
    settings.write_text("profil = 'car.toml'\n")
    assert check.main(["--config", str(settings)]) == 1
    assert f"{settings}:1: profil: unknown key; did you mean profile?" in capsys.readouterr().out


def test_the_events_are_shown_with_what_goes_with_them(tmp_path: Path) -> None:
    events = '\n[events.fast]\nwhen = "Motion.Speed > 100"\nfor = "2s"\n'
    status, text = shown(model.write(tmp_path, model.PROFILE + events))
    assert status == 0
    line = next(line for line in text.splitlines() if "Motion.Speed > 100: rise for 2 s" in line)
    assert "10 s before, 10 s after: Motion.Speed" in line
    assert any("ignition.type: change" in line for line in text.splitlines())


def test_it_is_shown_what_privacy_keeps_back_and_by_which_words_of_the_vehicle(tmp_path: Path) -> None:
    more = """
[privacy]
from = "Motion.Oil"
values = { Off = "None", On = "Geolocation" }
positional = ["Motion.Level"]
[events.hot]
when = "Motion.Level > 100"
"""
    status, text = shown(model.write(tmp_path, model.PROFILE + more))
    assert status == 0
    rows = [line for line in text[text.index("Privacy") :].splitlines() if "Geolocation" in line or "Full" in line]
    place = ", ".join(f"GNSS.{name}" for name in ("Longitude", "Latitude", "Altitude", "Heading", "Satellites", "Fix"))
    assert f"Motion.Level, {place}, event hot" in rows[0]
    assert "Motion.Oil == 'On'" in rows[0]
    assert "never" in rows[1]
    assert "everything" in rows[1]


def test_where_nothing_tells_the_place_that_is_said(tmp_path: Path) -> None:
    _, text = shown(model.write(tmp_path, model.PROFILE + '\n[gnss]\nsource = "none"\n'))
    assert "nothing: no signal tells the place" in text


def test_each_action_is_shown_with_what_it_transmits_and_what_proves_it(tmp_path: Path) -> None:
    status, text = shown(asked.write(tmp_path))
    assert status == 0
    lines = text.splitlines()

    def line(*parts: str) -> str:
        return next(line for line in lines if all(part in line for part in parts))

    assert "LockCommand: Command = Lock, Delay = raw 15" in line("can0 300")
    assert "it stands; not Motion.Door == 1" in line("can0 300")
    assert "Body.Locks == 'Locked', within 2 s" in line("can0 300")
    assert "the rest as heard, counter Counter" in line("can0 301")
    assert "00 FF 2 times, every 10 ms" in line("can0 400")
    assert "31 01 F0 10 01" in line("can0 744, 764")
    assert "nobody knows whether the vehicle moves" not in text
    no_speed = asked.PROFILE.replace('[data]\n"kinetic.speed" = { from = "Motion.Speed" }\n', "")
    assert "nobody knows whether the vehicle moves" in shown(asked.write(tmp_path, no_speed))[1]
    assert "Actions" not in shown(model.write(tmp_path))[1]
