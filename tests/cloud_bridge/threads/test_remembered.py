from __future__ import annotations

import operator
from concurrent.futures import ThreadPoolExecutor

from cloud_bridge.threads.remembered import Remembered


def test_what_is_the_same_again_is_made_once() -> None:
    made: list[bytes] = []

    def make(source: bytes) -> str:
        made.append(source)
        return source.decode()

    remembered: Remembered[str, bytes, str] = Remembered(make, same=operator.eq)
    for source in (b"one", b"one", b"two", b"two", b"one"):
        assert remembered.of("key", source) == source.decode()
    assert made == [b"one", b"two", b"one"]
    assert remembered.of("other", b"one") == "one"
    assert len(made) == 4


def test_no_more_is_remembered_than_it_may() -> None:
    remembered: Remembered[int, int, int] = Remembered(abs, 10)
    for number in range(100):
        remembered.of(number, number)
    assert len(remembered) == 10


def test_threads_get_what_belongs_to_their_source() -> None:
    remembered: Remembered[int, int, str] = Remembered(str, 5)
    with ThreadPoolExecutor(8) as threads:
        asked = [(number % 7, number % 3) for number in range(2000)]
        results = list(threads.map(lambda each: remembered.of(*each), asked))
    assert results == [str(source) for _, source in asked]
    assert len(remembered) <= 5
