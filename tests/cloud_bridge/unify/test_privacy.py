from __future__ import annotations

import pytest
from msgspec.structs import replace

from cloud_bridge.unify.privacy import STATE, with_privacy
from cloud_bridge.unify.sample import Sample
from contract.upload import Privacy
from tests.cloud_bridge.vehicle import Boot

UPLOAD = Boot().upload(3)
SAID = [Sample(31_000, "ignition.type", "Start"), Sample(31_000, "trunk", 1), Sample(32_000, "kinetic.speed", 9.0)]


@pytest.mark.parametrize("privacy", Privacy)
def test_the_privacy_is_said_once_with_the_first_of_what_an_upload_says(privacy: Privacy) -> None:
    said = with_privacy(SAID, replace(UPLOAD, privacy=privacy), {})
    assert said == [SAID[0], Sample(31_000, STATE, privacy.value), *SAID[1:]]


def test_a_private_upload_that_says_nothing_else_says_so_and_an_empty_one_says_nothing() -> None:
    assert with_privacy([], replace(UPLOAD, privacy=Privacy.FULL), {}) == [Sample(30_000, STATE, "Full")]
    assert with_privacy([], UPLOAD, {}) == []


def test_a_profile_that_has_it_from_a_signal_has_it_from_there() -> None:
    assert with_privacy(SAID, replace(UPLOAD, privacy=Privacy.FULL), {STATE: object()}) == SAID
