from __future__ import annotations

import pytest

from contract.topics import FROM_VEHICLE, TO_VEHICLE, is_vin, topic, vin_of

VIN = "VF3TESTTEST012345"


@pytest.mark.parametrize("leaf", [*FROM_VEHICLE, *TO_VEHICLE])
def test_a_topic_names_the_vehicle_it_was_made_for(leaf: str) -> None:
    assert vin_of(topic(VIN, leaf)) == VIN


@pytest.mark.parametrize(
    "other",
    [
        "",
        "canlift/v1",
        f"canlift/v1/{VIN}",
        f"canlift/v2/{VIN}/up",
        f"other/v1/{VIN}/up",
        f"canlift/v1/{VIN}/up/more",
        f"/canlift/v1/{VIN}/up",
        "canlift/v1/+/up",
        f"canlift/v1/{VIN.lower()}/up",
    ],
)
def test_a_topic_outside_the_tree_names_no_vehicle(other: str) -> None:
    assert vin_of(other) is None


@pytest.mark.parametrize("letter", ["I", "O", "Q", "a", "é", "-", " ", "\n", "٣"])
def test_a_vin_has_no_letter_that_looks_like_a_digit_and_nothing_but_capitals_and_digits(letter: str) -> None:
    assert not is_vin(VIN[:-1] + letter)


def test_a_vin_has_17_characters() -> None:
    assert is_vin(VIN)
    assert not is_vin(VIN[:-1])
    assert not is_vin(VIN + "0")
    assert not is_vin(VIN + "\n")
