"""Ranges: sets of sequence numbers, and what overlaps in time.

A set of sequence numbers is written as inclusive (first, last), ascending, neither overlapping nor touching.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Span = tuple[int, int]
Item = TypeVar("Item")


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same numbers as the fewest ranges."""
    result: list[Span] = []
    for first, last in sorted(spans):
        if result and first <= result[-1][1] + 1:
            if last > result[-1][1]:
                result[-1] = (result[-1][0], last)
        else:
            result.append((first, last))
    return result


def gaps(spans: Iterable[Span]) -> list[Span]:
    """The numbers from 0 to the last one held that are not in `spans`."""
    result: list[Span] = []
    following = 0
    for first, last in merged(spans):
        if first > following:
            result.append((following, first - 1))
        following = last + 1
    return result


def without(spans: Iterable[Span], removed: Iterable[Span]) -> list[Span]:
    """The numbers in `spans` that are not in `removed`."""
    result: list[Span] = []
    cuts = merged(removed)
    for first, last in merged(spans):
        start = first
        for cut_first, cut_last in cuts:
            if cut_last < start or cut_first > last:
                continue
            if cut_first > start:
                result.append((start, cut_first - 1))
            start = cut_last + 1
        if start <= last:
            result.append((start, last))
    return result


def count(spans: Iterable[Span]) -> int:
    return sum(last - first + 1 for first, last in spans)


def overlapping(items: Iterable[Item], extent: Callable[[Item], Span]) -> Iterator[list[Item]]:
    """Items in ascending start in groups: those that overlap, directly or through others, together. Extents are
    half-open."""
    group: list[Item] = []
    until = 0
    for item in items:
        start, end = extent(item)
        if group and start >= until:
            yield group
            group = []
        until = max(until, end) if group else end
        group.append(item)
    if group:
        yield group
