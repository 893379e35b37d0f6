"""The settings are checked whole, and what is wrong is said where it stands."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from agent.settings.agent import Settings, load_settings
from agent.settings.bus import BusSettings
from agent.settings.gnss import GnssSettings
from agent.settings.health import HealthSettings
from agent.settings.journal import JournalSettings
from agent.settings.modem import ModemSettings
from agent.settings.power import PowerSettings
from agent.settings.privacy import PrivacySettings
from agent.settings.uplink import Budget, UplinkSettings
from contract.configuration import ConfigurationError
from contract.profile.profile import load_profile
from contract.shipped import PROFILES
from tests.conftest import ROOT


def loaded(folder: Path, text: str) -> Settings:
    path = folder / "agent.toml"
    path.write_text(text)
    return load_settings(path)


SHIPPED = ROOT / "config" / "agent.toml"


def test_the_example_that_is_shipped_loads() -> None:
    shipped = load_settings(SHIPPED)
    assert shipped.profile is not None
    assert load_profile(shipped.profile).buses.keys() == shipped.buses.keys()


def test_the_lines_commented_out_in_the_example_show_every_default(tmp_path: Path) -> None:
    text = re.sub(r"^# (?=\[|[a-z_]+ = )", "", SHIPPED.read_text(), flags=re.MULTILINE)
    shown = loaded(tmp_path, text)
    assert shown.journal == Settings().journal
    assert (
        msgspec.structs.replace(shown.uplink, tls=None, budget=Budget(), user=None, password_file=None)
        == Settings().uplink
    )
    assert shown.state == Settings().state
    assert shown.gnss == GnssSettings(port="/dev/ttyACM0")
    assert shown.modem == ModemSettings(port="/dev/ttyUSB2", power_cycle=("/usr/local/bin/modem-power",))
    power = msgspec.structs.replace(shown.power, run_on=None, supply_file=None, low=None, recovered=None, command=())
    assert power == Settings().power
    assert msgspec.structs.replace(shown.privacy, switch=None, switch_values={}) == Settings().privacy
    assert shown.health == HealthSettings(metrics="127.0.0.1:9184")
    assert shown.buses["can0"] == BusSettings(channel="can0", bitrate=500_000)
    kinds = (
        *(Settings, UplinkSettings, JournalSettings, BusSettings, GnssSettings, HealthSettings),
        *(ModemSettings, PowerSettings, PrivacySettings),
    )
    for kind in kinds:
        for name in kind.__struct_fields__:
            assert re.search(rf"^(# )*({name} = |\[{name}\b|\[uplink\.{name}\])", text, re.MULTILINE), name


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = loaded(tmp_path, 'profile = "vehicles/a.toml"\nstate = "state"\n[uplink.tls]\nca = "ca.pem"\n')
    assert settings.profile == tmp_path / "vehicles/a.toml"
    assert settings.state == tmp_path / "state"
    assert settings.uplink.tls is not None
    assert settings.uplink.tls.ca == tmp_path / "ca.pem"
    assert settings.uplink.tls.key is None


def test_a_profile_may_be_the_name_of_a_model(tmp_path: Path) -> None:
    assert loaded(tmp_path, 'profile = "obd2"\n').profile == PROFILES / "obd2.toml"
    own = tmp_path / "vehicles" / "obd2.toml"
    own.parent.mkdir()
    own.touch()
    assert loaded(tmp_path, 'profile = "obd2"\n').profile == own
    with pytest.raises(
        ConfigurationError, match=r"agent\.toml:1: profile: no file and no profile obd3; did you mean obd2\?"
    ):
        loaded(tmp_path, 'profile = "obd3"\n')


def test_brokers_have_the_port_of_their_protocol_unless_they_name_one(tmp_path: Path) -> None:
    text = '[uplink]\nbrokers = ["one.example", "two.example:1999", "[::1]", "[::1]:77"]\n'
    assert loaded(tmp_path, text).uplink.addresses() == (
        ("one.example", 1883),
        ("two.example", 1999),
        ("::1", 1883),
        ("::1", 77),
    )
    assert loaded(tmp_path, text + "[uplink.tls]\n").uplink.addresses()[0] == ("one.example", 8883)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('vinn = "VR3UPHNKSKT000001"', r"agent\.toml:1: vinn: unknown key; did you mean vin\?"),
        ('[journal]\nflush_evry = "1s"', r"agent\.toml:2: journal\.flush_evry: unknown key; did you mean flush_every"),
        ('vin = "VR3UPHNKSKT00000O"', r"agent\.toml:1: vin: .* is no VIN: expected 17 characters"),
        ('[health]\nmetrics = "0.0.0.0:9184"', r"agent\.toml:2: health\.metrics: expected a loopback address"),
        ("[uplink]\nbrokers = []", r"agent\.toml:2: uplink\.brokers: at least one broker"),
        ('[uplink]\nbrokers = ["a:b"]', r"""expected "host" or "host:port", found 'a:b'"""),
        ('[uplink]\nbrokers = ["::1"]', r"""expected "host" or "host:port", found '::1'"""),
        ("[uplink]\nprotocol = 3", r"agent\.toml:2: uplink\.protocol"),
        ("[uplink]\nin_flight = 0", r"agent\.toml:2: uplink\.in_flight: expected 1 or more"),
        ('[uplink]\nkeepalive = "1 ms"', r"uplink\.keepalive: expected 1 s to 18 h"),
        ('[uplink.tls]\nkey = "k.pem"', r"uplink\.tls: certificate and key go together"),
        ('[uplink]\npassword_file = "p"', r"uplink\.password_file: a password needs a user"),
        ("[journal]\nmax_bytes = 100000", r"journal\.max_bytes: expected four segments or more"),
        (
            '[buses.can0]\nchannel = "/dev/ttyACM0"\ninterface = "slcan"\nthrottle = true',
            r"agent\.toml:4: buses\.can0\.throttle: .*slcan is read by python-can",
        ),
        ("[buses.can0]\nbitrate = 500000", r"buses\.can0.*channel"),
        (
            '[commands]\nkeys = ["AAAA"]',
            r"agent\.toml:2: commands\.keys.*'AAAA' is no key: expected 32 bytes in base64",
        ),
        ('[commands]\nkeys = ["!"]', r"'!' is no key"),
        ("[remote]\nenabled = true", r"agent\.toml:2: remote\.enabled: needs \[commands\] keys"),
        ('[remote]\nallow = ["lok"]', r"agent\.toml:2: remote\.allow.*there is no action lok; did you mean lock"),
        ('[remote]\ntime_zone = "Europe/Sochaux"', r"'Europe/Sochaux' is no time zone that this system knows"),
        ('[remote]\ntime_zone = "../etc"', r"'\.\./etc' is no time zone"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        loaded(tmp_path, text)
