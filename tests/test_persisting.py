"""What fails in passing is tried again, and what fails for good says so in the end."""

from __future__ import annotations

import pytest

from tests.persisting import WAITS_S, persisting


class Network:
    """Fails so many times."""

    def __init__(self, failures: int) -> None:
        self.attempts = 0
        self._failures = failures

    def download(self) -> str:
        self.attempts += 1
        if self.attempts <= self._failures:
            raise RuntimeError(f"connection {self.attempts} was reset")
        return "all of it"


@pytest.mark.parametrize("failures", range(len(WAITS_S) + 1))
def test_what_fails_in_passing_is_tried_again_after_longer_and_longer(failures: int) -> None:
    network, waited = Network(failures), list[float]()
    assert persisting(network.download, waited.append) == "all of it"
    assert network.attempts == failures + 1
    assert waited == list(WAITS_S[:failures]) == sorted(waited)


def test_what_fails_for_good_says_how_often_and_what_came_last() -> None:
    network = Network(len(WAITS_S) + 1)
    with pytest.raises(RuntimeError, match="3 attempts, the last: connection 3 was reset"):
        persisting(network.download, lambda _: None)
    assert network.attempts == len(WAITS_S) + 1
