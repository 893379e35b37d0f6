"""The rules of [actions]: what a profile may say there (`contract.profile.actions`), and what its texts mean.

Apart from the tables themselves, because most profiles have none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

import msgspec

from contract.configuration import Duration, Keys, nearest
from contract.profile.actions import ActionFrame, ActionRequests, ArgumentValue, VehicleAction
from contract.profile.asking import LARGEST_ID, LARGEST_SHORT_ID
from contract.steps import ARGUMENTS, WAKE_UP

MOST_FRAMES = 8
MOST_REQUESTS = 8
LONGEST_REQUEST_BYTES = 7
"""What one frame of ISO-TP carries."""
LONGEST_TRANSMISSION_MS = 60_000
LONGEST_WITHIN_MS = 90_000
REQUESTABLE = (0x10, 0x2E, 0x2F, 0x31)
"""Services of UDS: session, write by identifier, control of inputs and outputs, routine. None that unlocks anything."""
_TOKEN = re.compile(r"(?P<byte>[0-9A-Fa-f]{2})|(?P<name>[a-z-]+)(?:\*(?P<factor>[0-9]+))?:(?P<size>[1-4])")


class Token(msgspec.Struct, frozen=True):
    """A piece of a request."""

    argument: str | None
    number: int
    """Without an argument the byte; else what the argument is multiplied by."""
    size: int = 1


def tokens(request: str) -> tuple[Token, ...]:
    """Raises ValueError for a text that is no request."""
    found: list[Token] = []
    for word in request.split():
        match = _TOKEN.fullmatch(word)
        if match is None:
            raise ValueError(f'expected bytes such as "31" and arguments such as "slot:1", found {word!r}')
        if match["byte"]:
            found.append(Token(None, int(match["byte"], 16)))
        else:
            found.append(Token(match["name"], int(match["factor"] or 1), int(match["size"])))
    return tuple(found)


def frame_bytes(data: str) -> bytes:
    """Raises ValueError for what is no data of a frame."""
    found = bytes.fromhex(data)
    if len(found) > 8:
        raise ValueError("a frame has up to 8 bytes")
    return found


def action_contradictions(actions: Mapping[str, VehicleAction], buses: Collection[str]) -> Iterator[tuple[Keys, str]]:
    """What is wrong with the tables in themselves, with its place in the profile."""
    for name, action in actions.items():
        keys: Keys = ("actions", name)
        if name not in ARGUMENTS:
            yield keys, f"there is no such action{nearest(name, ARGUMENTS)}"
            continue
        for below, text in _contradictions(action, ARGUMENTS[name], buses):
            yield (*keys, *below), text
        if name == WAKE_UP:
            for place, _ in action.conditions:
                yield (*keys, *place), "is not looked at: it is transmitted when the vehicle says nothing"


def _contradictions(
    action: VehicleAction, known: tuple[str, ...], buses: Collection[str]
) -> Iterator[tuple[Keys, str]]:
    if bool(action.frames) == (action.requests is not None):
        yield (), "needs either frames or requests"
    if len(action.frames) > MOST_FRAMES:
        yield ("frames",), f"expected up to {MOST_FRAMES}, found {len(action.frames)}"
    if action.within > LONGEST_WITHIN_MS:
        yield ("within",), f"expected up to {Duration(LONGEST_WITHIN_MS)}, found {action.within}"
    if action.always and action.done is not None:
        yield ("done",), "is not looked at where always = true"
    for index, frame in enumerate(action.frames):
        for below, text in _frame_contradictions(frame, known, buses):
            yield ("frames", index, *below), text
    if action.requests is not None:
        for below, text in _request_contradictions(action.requests, known, buses):
            yield ("requests", *below), text


def _frame_contradictions(
    frame: ActionFrame, known: tuple[str, ...], buses: Collection[str]
) -> Iterator[tuple[Keys, str]]:
    if (frame.message is None) == (frame.id is None or frame.data is None):
        yield (), "needs either message, or id and data"
    if frame.message is None:
        for key in ("set", "counter", "checksum"):
            if getattr(frame, key):
                yield (key,), "needs a message, of which it names signals"
    else:
        for key in ("id", "data", "bus"):
            if getattr(frame, key) is not None:
                yield (key,), "is known from the message"
    if frame.id is not None and not 0 <= frame.id <= LARGEST_ID:
        yield ("id",), f"expected an id of 11 or 29 bits, found {frame.id}"
    if frame.data is not None:
        try:
            frame_bytes(frame.data)
        except ValueError:
            yield ("data",), f'expected up to eight bytes in hexadecimal digits, as "00 FF", found {frame.data!r}'
    if frame.message is None:
        yield from _bus_contradictions(frame.bus, buses)
    for signal, value in frame.set.items():
        if isinstance(value, ArgumentValue) and value.argument not in known:
            yield ("set", signal), _no_argument(value.argument, known)
    if frame.counter_values is not None and (frame.counter is None or frame.counter_values < 2):
        yield ("counter_values",), "expected 2 or more, of a counter that is named"


def _request_contradictions(
    requests: ActionRequests, known: tuple[str, ...], buses: Collection[str]
) -> Iterator[tuple[Keys, str]]:
    yield from _bus_contradictions(requests.bus, buses)
    for key in ("request", "answer"):
        if not 0 <= getattr(requests, key) <= LARGEST_ID:
            yield (key,), f"expected an id of 11 or 29 bits, found {getattr(requests, key)}"
    if (requests.request > LARGEST_SHORT_ID) != (requests.answer > LARGEST_SHORT_ID):
        yield (), "request and answer both have 11 bits, or both 29"
    if not 1 <= len(requests.send) <= MOST_REQUESTS:
        yield ("send",), f"expected 1 to {MOST_REQUESTS} requests, found {len(requests.send)}"
    for index, text in enumerate(requests.send):
        wrong = _wrong_request(text, known)
        if wrong is not None:
            yield ("send", index), wrong


def _wrong_request(text: str, known: tuple[str, ...]) -> str | None:
    try:
        found = tokens(text)
    except ValueError as wrong:
        return str(wrong)
    if not found or found[0].argument is not None or found[0].number not in REQUESTABLE:
        return f"begins with one of the services {', '.join(f'{each:02X}' for each in REQUESTABLE)}"
    size = sum(token.size for token in found)
    if not 1 < size <= LONGEST_REQUEST_BYTES:
        return f"has 2 to {LONGEST_REQUEST_BYTES} bytes, one frame, found {size}"
    for token in found:
        if token.argument is not None and token.argument not in known:
            return _no_argument(token.argument, known)
    return None


def _no_argument(name: str, known: tuple[str, ...]) -> str:
    return f"the action has no argument {name}{nearest(name, known)}" if known else "the action has no arguments"


def _bus_contradictions(bus: str | None, buses: Collection[str]) -> Iterator[tuple[Keys, str]]:
    if bus is None and len(buses) > 1:
        yield ("bus",), f"say which of the buses: {', '.join(buses)}"
    if bus is not None and bus not in buses:
        yield ("bus",), f"the profile has no bus {bus}{nearest(bus, buses)}"
