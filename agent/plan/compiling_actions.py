"""Actions of a profile, compiled: every frame and every condition is found in the databases before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from agent.asking.address import Address
from agent.databases.layouts import MessageLayout, SignalLayout
from agent.decode.checksums import checksum_filler
from agent.decode.encoding import raw_of
from agent.plan.actions import PlannedAction, PlannedFrame, PlannedRemote, PlannedRequests
from agent.plan.compiling_events import SPEED, speed_of
from agent.plan.places import Places
from contract.configuration import Keys
from contract.expressions import Expression
from contract.profile.action_rules import LONGEST_TRANSMISSION_MS, frame_bytes, tokens
from contract.profile.actions import ActionFrame, ActionRequests, ArgumentValue, VehicleAction
from contract.profile.asking import LARGEST_SHORT_ID
from contract.profile.profile import Profile
from contract.result import Cause

_CLASSIC_BYTES = 8


def planned_remote(profile: Profile, places: Places) -> PlannedRemote:
    """What is wrong with the actions is reported to `places`, which has found the signals of their conditions."""
    making = _Actions(profile, places)
    speed = profile.data.get(SPEED)
    return PlannedRemote(
        {name: making.action(name, action) for name, action in profile.actions.items()},
        None if speed is None else speed_of(speed, places.manifest_signal),
        frozenset(() if speed is None else speed.names),
    )


class _Actions:
    def __init__(self, profile: Profile, places: Places) -> None:
        self._profile = profile
        self._places = places

    def action(self, name: str, action: VehicleAction) -> PlannedAction:
        keys: Keys = ("actions", name)
        frames = [self._frame(frame, (*keys, "frames", index)) for index, frame in enumerate(action.frames)]
        found = tuple(frame for frame in frames if frame is not None)
        lasts_ms = sum(frame.count * frame.every_ms for frame in found)
        if lasts_ms > LONGEST_TRANSMISSION_MS:
            text = f"takes {lasts_ms / 1000:g} s to transmit, expected up to {LONGEST_TRANSMISSION_MS // 1000} s"
            self._places.report(keys, text)
        return PlannedAction(
            name=name,
            frames=found,
            requests=None if action.requests is None else self._requests(action.requests),
            proof=action.proof,
            within_ms=int(action.within),
            done=None if action.always else action.done or action.proof,
            requires=_by_cause(action.requires),
            unless=_by_cause(action.unless),
        )

    def _requests(self, requests: ActionRequests) -> PlannedRequests:
        bus = requests.bus or next(iter(self._profile.buses))
        return PlannedRequests(bus, Address(requests.request, requests.answer), tuple(map(tokens, requests.send)))

    def _frame(self, frame: ActionFrame, keys: Keys) -> PlannedFrame | None:
        if frame.message is None:
            return self._plain(frame, keys)
        found = self._places.message(frame.message, (*keys, "message"))
        if len(found) != 1:
            return None
        bus, message = found[0]
        if bus not in self._profile.buses or message.fd or message.length > _CLASSIC_BYTES:
            text = f"{message.name} is no classic frame of a bus: only those are transmitted"
            self._places.report((*keys, "message"), text)
            return None
        return PlannedFrame(
            name=message.name,
            bus=bus,
            id=message.id,
            extended=message.extended,
            base=bytes(message.length) if frame.others == "zero" else None,
            length=message.length,
            count=frame.count,
            every_ms=self._every_ms(frame, message.cycle_ms, keys),
            set=tuple(self._set(frame, message, keys)),
            counter=self._counter(frame, message, keys),
            counter_values=self._counter_values(frame, message),
            fill=self._checksum(frame, message, keys),
        )

    def _plain(self, frame: ActionFrame, keys: Keys) -> PlannedFrame:
        number, data = frame.id or 0, frame_bytes(frame.data or "")
        return PlannedFrame(
            name=f"{number:03X}",
            bus=frame.bus or next(iter(self._profile.buses)),
            id=number,
            extended=number > LARGEST_SHORT_ID,
            base=data,
            length=len(data),
            count=frame.count,
            every_ms=self._every_ms(frame, None, keys),
        )

    def _every_ms(self, frame: ActionFrame, cycle_ms: int | None, keys: Keys) -> int:
        every_ms = int(frame.every) if frame.every is not None else cycle_ms
        if every_ms is None and frame.count > 1:
            self._places.report((*keys, "count"), "needs every: the database does not say the message's cycle time")
        return every_ms or 0

    def _set(self, frame: ActionFrame, message: MessageLayout, keys: Keys) -> Iterator[tuple[SignalLayout, int | str]]:
        for name, value in frame.set.items():
            place: Keys = (*keys, "set", name)
            signal = self._own(message, name, place)
            if signal is None:
                continue
            if isinstance(value, ArgumentValue):
                yield signal, value.argument
                continue
            try:
                yield signal, raw_of(signal, value)
            except ValueError as wrong:
                self._places.report(place, str(wrong))

    def _own(self, message: MessageLayout, name: str, keys: Keys) -> SignalLayout | None:
        signal = self._places.own_signal(message, name, keys)
        if signal is not None and (signal.is_float or signal.payload_bytes > message.length):
            self._places.report(keys, f"{name} cannot be set: it is a floating-point number or lies beyond the message")
            return None
        return signal

    def _counter(self, frame: ActionFrame, message: MessageLayout, keys: Keys) -> SignalLayout | None:
        if frame.counter is None:
            return None
        signal = self._own(message, frame.counter, (*keys, "counter"))
        if signal is not None and (frame.counter_values or 0) > 1 << signal.length:
            self._places.report((*keys, "counter_values"), f"{signal.name} has {signal.length} bits")
        return signal

    def _counter_values(self, frame: ActionFrame, message: MessageLayout) -> int:
        lengths = {signal.name: signal.length for signal in message.signals}
        return frame.counter_values or 1 << lengths.get(frame.counter or "", 0)

    def _checksum(self, frame: ActionFrame, message: MessageLayout, keys: Keys) -> Callable[[bytes], bytes] | None:
        rules = self._profile.messages.get(message.name)
        checksum = frame.checksum or (None if rules is None else rules.checksum)
        if checksum is None:
            return None
        layout = self._own(message, checksum.signal, (*keys, "checksum"))
        if layout is None:
            return None
        try:
            return checksum_filler(checksum.kind, layout, checksum.initial, checksum.final_xor)
        except ValueError as wrong:
            self._places.report((*keys, "checksum"), str(wrong))
            return None


def _by_cause(table: dict[Cause, Expression]) -> tuple[tuple[Cause, Expression], ...]:
    return tuple(table.items())
