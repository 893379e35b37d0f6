from __future__ import annotations

import cbor2
import pytest

from contract.command import (
    Command,
    Outcome,
    Result,
    decode_command,
    decode_result,
    encode_command,
    encode_result,
)
from contract.upload import Privacy
from contract.wire import Refusal, WireError
from tests.contract.drive import schema

ID = bytes(range(16))
VIN = "VR3UPHNKSKT000001"
FULL = Command(ID, VIN, 1_700_000_000_000, Privacy.FULL)


@pytest.mark.parametrize("state", Privacy)
def test_a_command_that_was_encoded_is_decoded(state: Privacy) -> None:
    command = Command(ID, VIN, 1_700_000_000_000, state)
    payload = encode_command(command)
    assert decode_command(payload) == command
    schema("command").validate_cbor(payload)


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("why", ["", "[commands] privacy is off"])
def test_a_result_that_was_encoded_is_decoded(outcome: Outcome, why: str) -> None:
    payload = encode_result(Result(ID, outcome, why))
    assert decode_result(payload) == Result(ID, outcome, why)
    schema("result").validate_cbor(payload)


def test_the_bytes_of_a_command_never_change() -> None:
    assert encode_command(FULL).hex() == (
        "a501010250000102030405060708090a0b0c0d0e0f0371" + VIN.encode().hex() + "041b0000018bcfe568000502"
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({1: 2}, Refusal.UNKNOWN_VERSION),
        ({2: ID[1:]}, Refusal.OUT_OF_RANGE),
        ({3: "nobody"}, Refusal.OUT_OF_RANGE),
        ({4: -1}, Refusal.OUT_OF_RANGE),
        ({5: 3}, Refusal.OUT_OF_RANGE),
        ({5: "Full"}, Refusal.WRONG_TYPE),
        ({6: b"signature"}, Refusal.WRONG_TYPE),
    ],
)
def test_a_command_that_breaks_the_format_is_refused(change: dict[int, object], reason: Refusal) -> None:
    payload = cbor2.dumps({1: 1, 2: ID, 3: VIN, 4: 1, 5: 0} | change)
    with pytest.raises(WireError) as caught:
        decode_command(payload)
    assert caught.value.reason is reason
