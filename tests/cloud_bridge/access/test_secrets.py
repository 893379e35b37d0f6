"""A secret opens what it was made for, and nothing that is kept gives it away."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from cloud_bridge.access.secrets import JOINED, BusyError, Verifier, hash_secret, new_secret
from tests.agent.bridge import eventually


def test_only_the_secret_itself_is_right() -> None:
    secret = new_secret()
    stored = hash_secret(secret)
    verify = Verifier()
    assert verify(secret, stored)
    for wrong in ("", secret[:-1], secret + " ", secret.upper(), stored):
        assert not verify(wrong, stored)


def test_what_was_right_for_one_client_is_not_for_another() -> None:
    verify = Verifier()
    ours, theirs = hash_secret("ours"), hash_secret("theirs")
    assert verify("ours", ours)
    assert not verify("ours", theirs)
    assert not verify("theirs", ours)


def test_a_hash_does_not_hold_the_secret_and_is_never_the_same_twice() -> None:
    secret = new_secret()
    one, other = hash_secret(secret), hash_secret(secret)
    assert one != other
    assert secret not in one
    assert len(new_secret()) >= 43
    assert new_secret() != new_secret()


def test_a_secret_found_right_is_not_computed_again_and_a_wrong_one_is() -> None:
    verify = Verifier()
    stored = hash_secret("right")
    verify("right", stored)
    began = time.process_time()
    for _ in range(1000):
        assert verify("right", stored)
    remembered = time.process_time() - began
    began = time.process_time()
    for _ in range(3):
        assert not verify("wrong", stored)
    assert remembered / 1000 < (time.process_time() - began) / 3 / 50


def test_secrets_of_any_characters_can_be_checked() -> None:
    verify = Verifier()
    for secret in ("", "päss wörd", "\ud800", "x" * 10_000):
        assert verify(secret, hash_secret(secret))


def test_a_hash_of_an_unknown_scheme_or_an_unbearable_cost_opens_nothing() -> None:
    verify = Verifier()
    for stored in ("", "plain", "md5$1$2$3$00$00", "scrypt$40$8$1$00$00", "scrypt$14$8$1$00"):
        assert not verify("plain", stored)


def test_connections_of_one_client_that_all_come_at_once_wait_for_one_check() -> None:
    verify, stored = Verifier(), hash_secret("right")
    together = threading.Barrier(JOINED)

    def come(_: int) -> bool:
        together.wait()
        return verify("right", stored)

    with ThreadPoolExecutor(JOINED) as threads:
        assert list(threads.map(come, range(JOINED))) == [True] * JOINED


def test_many_wrong_secrets_at_once_are_turned_away_and_the_right_one_of_before_is_not() -> None:
    verify = Verifier()
    stored = hash_secret("right")
    verify("right", stored)

    def guess(_: int) -> bool | None:
        try:
            return verify("wrong", stored)
        except BusyError:
            return None

    with ThreadPoolExecutor(20) as threads:
        with verify._checking:  # No check is over before all have come.
            guesses = [threads.submit(guess, number) for number in range(20)]
            turned_away = 20 - 1 - JOINED
            assert eventually(lambda: sum(each.done() for each in guesses) == turned_away)
            assert verify("right", stored)
        said = [each.result() for each in guesses]
    assert (said.count(None), said.count(False)) == (turned_away, 1 + JOINED)
    assert not verify("wrong", stored)
