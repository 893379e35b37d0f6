"""Programs of preconditioning and charging, as the cloud gave them: kept, said, and done at their times.

    canlift programs 1 <checksum>       `agent.disk.checked`
    {"conditioning": [{"slot": 1, …}], "charging": […], "next": {…}, "done_utc_ms": …}

They are kept before they hold. What is said of them are device messages (`contract.profile.devices`). What is due
(`agent.remote.timetable`) is noted on the disk before it is done, so that it is done once; what was due while the box
was off for longer than `MISSED_MS` is not made up for. A clock that is put back by less than that is waited for; one
that is put back by more was wrong, and programs go on from what it says now. A program that was deleted is off and has
no days: what was said of it cannot be unsaid.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from datetime import tzinfo
from pathlib import Path

import msgspec

from agent.bus.frame import Frame
from agent.devices.messages import frame_of
from agent.disk.checked import DamagedError, load_struct, save_checked
from agent.remote.timetable import due, spent
from contract.actions import Charging, ChargingProgram, ConditioningProgram, NextCharge, Preconditioning
from contract.catalog import DAYS
from contract.profile.devices import CHARGING, CONDITIONING
from contract.steps import CHARGE_AT, SET_CHARGING, SET_CONDITIONING

log = logging.getLogger(__name__)

MISSED_MS = 300_000
_TITLE = "canlift programs 1"


class Programs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By slot, in ascending order."""

    conditioning: tuple[ConditioningProgram, ...] = ()
    charging: tuple[ChargingProgram, ...] = ()
    next: NextCharge | None = None
    done_utc_ms: int = 0
    """What was due up to then is done, or missed."""


class KeptPrograms:
    def __init__(self, file: Path, zone: tzinfo) -> None:
        """`zone` is that of their times."""
        self._file = file
        self._zone = zone
        self.programs = self._load()

    def take(self, action: Preconditioning | Charging, now_utc_ms: int | None) -> bool:
        """Keeps what an action says of programs; whether that is anything new. Raises OSError."""
        before = self.programs
        if now_utc_ms is not None:
            self._set_right(now_utc_ms)
            before = msgspec.structs.replace(self.programs, done_utc_ms=max(self.programs.done_utc_ms, now_utc_ms))
        if isinstance(action, Preconditioning):
            taken = {program.slot: program for program in before.conditioning}
            for program in action.programs:
                if isinstance(program, ConditioningProgram):
                    taken[program.slot] = program
                elif program.slot in taken:
                    taken[program.slot] = msgspec.structs.replace(taken[program.slot], enabled=False, days=())
            after = msgspec.structs.replace(before, conditioning=tuple(taken[slot] for slot in sorted(taken)))
        else:
            charging = {program.slot: program for program in (*before.charging, *action.programs)}
            after = msgspec.structs.replace(
                before, charging=tuple(charging[slot] for slot in sorted(charging)), next=action.next or before.next
            )
        if after == before:
            return False
        self._keep(after)
        return True

    def due(self, now_utc_ms: int, by_vehicle: Collection[str] = ()) -> list[str]:
        """The steps that are due and the box's to do, each once. `by_vehicle`: the steps that hand programs to the
        vehicle, which does these itself. Raises OSError, and they stay due."""
        self._set_right(now_utc_ms)
        programs = self.programs
        since_utc_ms = max(programs.done_utc_ms, now_utc_ms - MISSED_MS)
        steps = due(programs.conditioning, programs.charging, programs.next, self._zone, since_utc_ms, now_utc_ms)
        if steps:
            left, upcoming = spent(programs.conditioning, programs.next, self._zone, since_utc_ms, now_utc_ms)
            self._keep(msgspec.structs.replace(programs, conditioning=left, next=upcoming, done_utc_ms=now_utc_ms))
        if not steps or not by_vehicle:
            return steps
        conditioning = () if SET_CONDITIONING in by_vehicle else programs.conditioning
        charging = () if SET_CHARGING in by_vehicle else programs.charging
        next_charge = None if CHARGE_AT in by_vehicle else programs.next
        return due(conditioning, charging, next_charge, self._zone, since_utc_ms, now_utc_ms)

    def frames(self, at_ms: int) -> list[Frame]:
        """What there is to say of them now."""
        programs = self.programs
        conditioned: dict[str, float | None] = {}
        for one in programs.conditioning:
            conditioned |= _said(one)
            conditioned[f"Slot{one.slot}Recurrence"] = one.recurrence == "Daily"
        charged: dict[str, float | None] = {}
        for other in programs.charging:
            charged |= _said(other)
            charged[f"Slot{other.slot}End"] = other.end_s
        if programs.next is not None:
            charged["Next"] = programs.next.local_minute * 60
        return [frame_of(at_ms, CONDITIONING, conditioned), frame_of(at_ms, CHARGING, charged)]

    def _set_right(self, now_utc_ms: int) -> None:
        """What was noted by a clock that was wrong would have the programs wait until that time comes. It is written
        with what is done next; a start before that sets it right again."""
        noted_utc_ms = self.programs.done_utc_ms
        if noted_utc_ms > now_utc_ms + MISSED_MS:
            log.warning("remote: programs go on: the clock was ahead by %d s", (noted_utc_ms - now_utc_ms) // 1000)
            self.programs = msgspec.structs.replace(self.programs, done_utc_ms=now_utc_ms)

    def _keep(self, programs: Programs) -> None:
        save_checked(self._file, _TITLE, msgspec.json.encode(programs))
        self.programs = programs

    def _load(self) -> Programs:
        try:
            return load_struct(self._file, _TITLE, Programs) or Programs()
        except DamagedError as damaged:
            log.error("remote: %s: the programs are lost: %s", self._file, damaged)
            return Programs()


def _said(program: ConditioningProgram | ChargingProgram) -> Iterator[tuple[str, float]]:
    slot = f"Slot{program.slot}"
    yield f"{slot}Enabled", program.enabled
    yield f"{slot}Start", program.start_s
    for day in DAYS:
        yield f"{slot}{day}", day in program.days
