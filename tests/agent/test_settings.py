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
        ('[uplink]\nbrokers = ["a:99999"]', """"host:port" with a port of 1 to 65535, found 'a:99999'"""),
        ('[uplink]\nbrokers = ["::1"]', r"""expected "host" or "host:port", found '::1'"""),
        ("[uplink]\nprotocol = 3", r"agent\.toml:2: uplink\.protocol"),
        ("[uplink]\nin_flight = 0", r"agent\.toml:2: uplink\.in_flight: expected 1 or more"),
        ('[uplink]\nkeepalive = "1 ms"', r"uplink\.keepalive: expected 1 s to 18 h"),
        ('[uplink.tls]\nkey = "k.pem"', r"uplink\.tls: certificate and key go together"),
        ('[uplink]\npassword_file = "p"', r"uplink\.password_file: a password needs a user"),
        ("[uplink.budget]\nday_bytes = 9", r"uplink\.budget\.day_bytes: expected \d+ or more, found 9"),
        ("[journal]\nmax_bytes = 100000", r"journal\.max_bytes: expected four segments or more"),
        ("[journal]\nsegment_bytes = 1023", r"journal\.segment_bytes: expected 1024 or more"),
        ("[journal]\nmax_disk_share = 0", r"journal\.max_disk_share: expected a part of the disk, above 0 up to 1"),
        ("[journal]\nmax_disk_share = 1.1", r"journal\.max_disk_share: expected a part"),
        ("[journal]\nmemory_bytes = 100000", r"journal\.memory_bytes: expected a segment or more"),
        ("[journal]\nreserve_bytes = -1", r"journal\.reserve_bytes: expected 0 or more"),
        ("[journal]\nwear_bytes_per_day = -1", r"journal\.wear_bytes_per_day: expected 0 or more"),
        ("[power]\nlow = 12.0\nrecovered = 11.9", r"power\.recovered: expected 12 V or more"),
        ("[power]\nlow = 0.0\nrecovered = 0.0", r"power\.low: expected a voltage"),
        ("[power]\nrecovered = 12.0", r"power\.recovered: says when a low supply has recovered: give `low` too"),
        ("[power]\nsupply_scale = 0.0", r"power\.supply_scale: expected volts per unit"),
        ('[power]\ncommand = [""]', r"power\.command: expected a program"),
        ('[modem]\nport = "p"\nresets_a_day = -1', r"modem\.resets_a_day: expected 0 or more"),
        ('[modem]\nport = "p"\npower_cycle = [""]', r"modem\.power_cycle: expected a program"),
        ('[privacy]\nswitch_values = { 1 = "Full" }', r"privacy\.switch_values: .*give `switch`"),
        ("[gnss]\nbaud = 9600", r"gnss: expected either port, of a receiver, or gpsd"),
        ('[gnss]\nport = "/dev/ttyS0"\ngpsd = "localhost"', r"gnss: expected either port"),
        ('[gnss]\ngpsd = "a:b"', r"""gnss\.gpsd: expected "host" or "host:port", found 'a:b'"""),
        ("[asking]\nshare = 0", r"asking\.share: expected more than 0"),
        ("[asking]\nshare = 1", r"asking\.share: expected more than 0 and 0\.\d+ at most, found 1"),
        ('[health]\nstatus_socket = "' + "s" * 108 + '"', r"health\.status_socket: a socket's path has at most 107"),
        ('[health]\nmetrics = "localhost:9184"', r"health\.metrics: expected a loopback address"),
        ("[commands]\nwatch = true", r"commands\.watch: needs keys"),
        ("[commands]\nwatch_an_hour = 0", r"commands\.watch_an_hour: expected 1 to \d+, found 0"),
        ("[commands]\nwatch_an_hour_in_all = 0", r"commands\.watch_an_hour_in_all: expected 1 to"),
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
