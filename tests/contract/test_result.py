from __future__ import annotations

import cbor2
import pytest

from contract.result import Cause, Outcome, Result, decode_result, encode_result
from contract.wire import Refusal, WireError
from tests.contract.drive import schema

ID = bytes(range(16))


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("why", ["", "[commands] privacy is off"])
@pytest.mark.parametrize("cause", [None, *Cause])
def test_a_result_that_was_encoded_is_decoded(outcome: Outcome, why: str, cause: Cause | None) -> None:
    if outcome is Outcome.FAILED and cause is None:
        return
    payload = encode_result(Result(ID, outcome, why, cause))
    assert decode_result(payload) == Result(ID, outcome, why, cause)
    schema("result").validate_cbor(payload)


def test_a_result_that_names_its_message_is_of_version_3() -> None:
    result = Result(ID, Outcome.UNTRUSTED, message=bytes(8))
    assert cbor2.loads(encode_result(result)) == {1: 3, 2: ID, 3: 5, 6: bytes(8)}
    assert decode_result(encode_result(result)) == result
    schema("result").validate_cbor(encode_result(result))
    for version, message in ((2, bytes(8)), (3, bytes(7)), (3, "12345678")):
        with pytest.raises(WireError):
            decode_result(cbor2.dumps({1: version, 2: ID, 3: 5, 6: message}))


def test_a_failure_says_its_cause() -> None:
    with pytest.raises(WireError, match="a failure without its cause"):
        encode_result(Result(ID, Outcome.FAILED))


def test_what_version_1_can_say_is_said_in_it() -> None:
    assert cbor2.loads(encode_result(Result(ID, Outcome.REFUSED, "no")))[1] == 1
    assert cbor2.loads(encode_result(Result(ID, Outcome.UNTRUSTED)))[1] == 2


def test_the_bytes_of_a_result_never_change() -> None:
    why, cause = b"no", b"DoorsOpen"
    refused = "a401010250" + ID.hex() + "03040462" + why.hex()
    failed = "a501020250" + ID.hex() + "030a0462" + why.hex() + "0569" + cause.hex()
    assert encode_result(Result(ID, Outcome.REFUSED, "no")).hex() == refused
    assert encode_result(Result(ID, Outcome.FAILED, "no", Cause.DOORS_OPEN)).hex() == failed


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({1: 4}, Refusal.UNKNOWN_VERSION),
        ({1: 1}, Refusal.WRONG_TYPE),
        ({2: ID[1:]}, Refusal.OUT_OF_RANGE),
        ({3: 11}, Refusal.OUT_OF_RANGE),
        ({4: 0}, Refusal.WRONG_TYPE),
        ({4: "é" * 129}, Refusal.OUT_OF_RANGE),
        ({5: "NoReason"}, Refusal.OUT_OF_RANGE),
        ({6: 0}, Refusal.WRONG_TYPE),
    ],
)
def test_a_result_that_breaks_the_format_is_refused(change: dict[int, object], reason: Refusal) -> None:
    payload = cbor2.dumps({1: 2, 2: ID, 3: 10, 4: "", 5: "DoorsOpen"} | change)
    with pytest.raises(WireError) as caught:
        decode_result(payload)
    assert caught.value.reason is reason


def test_version_1_of_a_result_knows_no_later_outcome() -> None:
    assert decode_result(cbor2.dumps({1: 1, 2: ID, 3: 4})) == Result(ID, Outcome.REFUSED)
    with pytest.raises(WireError):
        decode_result(cbor2.dumps({1: 1, 2: ID, 3: 5}))
