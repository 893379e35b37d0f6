"""`bridge.toml` is checked whole before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_bridge.settings import Api, Mqtt, Remote, Retention, Settings, read_settings
from contract.configuration import ConfigurationError
from tests.conftest import ROOT


def test_the_file_that_is_shipped_says_what_the_defaults_are() -> None:
    folder = ROOT / "config"
    shipped = read_settings(folder / "bridge.toml")
    assert (shipped.mqtt, shipped.api, shipped.retention) == (Mqtt(), Api(), Retention())
    assert shipped.remote == Remote()
    assert shipped.database.path == folder / Settings().database.path
    assert shipped.vehicles.profiles == folder / Settings().vehicles.profiles
    assert list(shipped.vehicles.profiles.glob("*.toml"))


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text('[mqtt]\ntls = true\nca_file = "ca.pem"\n[database]\npath = "/var/lib/canlift.db"\n')
    settings = read_settings(file)
    assert settings.mqtt.ca_file == tmp_path / "ca.pem"
    assert settings.mqtt.key_file is None
    assert settings.database.path == Path("/var/lib/canlift.db")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[mqtt]\nhosst = "x"', r"bridge\.toml:2: mqtt\.hosst: unknown key; did you mean host\?"),
        ("[mqtt]\nprotocol = 3", r"mqtt\.protocol"),
        ('[api]\nport = "http"', r"api\.port: .*whole number"),
        ("[databse]\n", "did you mean database"),
        ("[mqtt]\nport = 70000", r"bridge\.toml:2: mqtt\.port: expected a whole number <= 65535, found 70000"),
        ("[mqtt]\nport = 0", r"mqtt\.port: expected a whole number >= 1, found 0"),
        ("[api]\nport = 99999", r"api\.port: expected a whole number <= 65535, found 99999"),
        ('[mqtt]\nhost = ""', r'mqtt\.host: expected a text of length >= 1, found ""'),
        ('[mqtt]\ngroup = "a/b"', r"mqtt\.group: expected a name without '/', '\+' and '#', found 'a/b'"),
        ('[mqtt]\nca_file = "ca.pem"', r"mqtt\.ca_file: .*without `tls = true` nothing is encrypted"),
        ('[mqtt]\ntls = true\ncert_file = "a.pem"', r"mqtt: cert_file and key_file go together"),
        ('[api]\npublic_url = "api.example.org"', r"api\.public_url: expected an address as https://"),
        ('[api]\npublic_url = "https://api.example.org/?a"', r"api\.public_url: expected an address"),
        ('[api]\npublic_url = "https://api.example.org:99999"', r"api\.public_url: expected an address"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_the_nearest_key(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "bridge.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=complaint):
        read_settings(file)


def test_links_begin_with_the_public_address_or_the_one_listened_on() -> None:
    assert Api(public_url="https://api.example.org/").url == "https://api.example.org"
    assert Api(port=8081).url == "http://127.0.0.1:8081"
    assert Api(host="::1").url == "http://[::1]:8080"
