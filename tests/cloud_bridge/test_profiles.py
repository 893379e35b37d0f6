"""A profile that is changed holds at once for who derives, and a moment later for who only asks whether to."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_bridge.profiles import Profiles
from contract.configuration import ConfigurationError
from tests.cloud_bridge.vehicle import MODEL, write_profile


def change(folder: Path) -> None:
    file = folder / f"{MODEL}.toml"
    file.write_text(f"{file.read_text()}\n# changed\n")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    profiles = Profiles(write_profile(tmp_path))
    before = profiles.of(MODEL)
    assert profiles.of(MODEL) is before is profiles.recent(MODEL)
    change(tmp_path)
    assert profiles.recent(MODEL).digest != before.digest
    assert profiles.digests() == {MODEL: profiles.of(MODEL).digest}


def test_the_recent_one_is_looked_after_once_in_a_while_only(tmp_path: Path) -> None:
    profiles = Profiles(write_profile(tmp_path), look_again_s=3600)
    before = profiles.recent(MODEL)
    change(tmp_path)
    assert profiles.recent(MODEL) is before
    after = profiles.of(MODEL)
    assert after.digest != before.digest
    assert profiles.recent(MODEL) is after


def test_a_model_without_a_profile_is_named(tmp_path: Path) -> None:
    profiles = Profiles(write_profile(tmp_path))
    for ask in (profiles.of, profiles.recent):
        with pytest.raises(ConfigurationError, match=f"'tset-car' in this folder; did you mean {MODEL}"):
            ask("tset-car")
