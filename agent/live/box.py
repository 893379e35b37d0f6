"""The box itself in a live run: receiver, modem, supply, privacy, and its going to sleep.

What it says of itself comes from its sources, as frames; what it does of itself it does in `tick`, in the live loop.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agent.bus.frame import Frame
from agent.bus.losses import Losses
from agent.collector import Collector
from agent.devices.computer import box_frame
from agent.devices.messages import frame, frame_of
from agent.devices.periodic import Periodic
from agent.lifting import Lifting, state_of
from agent.live.gathering import Source
from agent.plan.plan import Plan
from agent.power.power import Doings, Power
from agent.power.supply import SupplyFile
from agent.power.watch import Ending, Limits, Watch
from agent.privacy.enforcing import Enforcing
from agent.privacy.guard import Guard, Outcome
from agent.privacy.guard import Source as Word
from agent.privacy.pending import pending_remover
from agent.privacy.switch import Switch
from agent.sampling.sampler import Sampler
from agent.settings.agent import Settings
from agent.settings.gnss import GnssSettings
from agent.settings.modem import ModemSettings
from agent.settings.power import PowerSettings
from contract.profile.cadence import VehicleState
from contract.profile.devices import PRIVACY_STATES
from contract.upload import Privacy, Reason

if TYPE_CHECKING:
    from agent.gnss.source import Fixes
    from agent.modem.modem import Modem

log = logging.getLogger(__name__)

PRIVACY = "privacy"
"""The file below the vehicle's state."""
_TICK_MS = 1000
_SUPPLY_MS = 10_000
_SAID_MS = 10_000
_COMPUTER_MS = 60_000


class Box:
    """`sources` are for `Gathering`. What it does of itself it does once it is attached."""

    def __init__(
        self,
        vin: str,
        settings: Settings,
        plan: Plan,
        losses: Losses,
        monotonic_ms: Callable[[], int],
    ) -> None:
        """Nothing is opened yet but the file that keeps the privacy."""
        self.supply_v: float | None = None
        """As measured by the box, else as the vehicle says; None: neither does."""
        self.guard, self._switch = _privacy(state_of(vin, settings) / PRIVACY, settings, plan)
        self._read_switch()
        self.gnss = None if settings.gnss is None else _receiver(settings.gnss, losses, monotonic_ms)
        self.modem = None if settings.modem is None else self._modem_of(settings.modem, monotonic_ms)
        self.losses = [losses] if self.gnss is None else [losses, self.gnss.losses]
        self._settings = settings
        self._plan = plan
        self._monotonic_ms = monotonic_ms
        self._due_ms = 0
        self._reached_ms: int | None = monotonic_ms()
        """When a broker was last reached; None while one is, or none is to be."""
        self._measured = _supply(settings.power)
        self._attached: _Attached | None = None
        self.sources = self._sources()

    @property
    def unreadable(self) -> int:
        """What the sources could not read."""
        return sum(losses.unreadable for losses in self.losses)

    def enforcing(self, sampler: Sampler, lift: Lifting) -> Enforcing:
        """What stands between the sampler and the journal."""
        remove = None if self._settings.privacy.pending == "send" else pending_remover(lift, self._plan)
        return Enforcing(sampler, self._plan, self.guard, remove, lift.journal.let_go)

    def attach(self, sampler: Sampler, enforcing: Enforcing, collector: Collector, lift: Lifting) -> None:
        """From now on `tick` has everything that it takes."""

        def last_upload() -> None:
            collector.close(self._monotonic_ms(), Reason.SLEEP)
            lift.journal.flush()

        settings = self._settings.power
        run_on_ms = None if settings.run_on is None else int(settings.run_on)
        limits = Limits(run_on_ms, settings.low, settings.recovered_v, int(settings.low_for))
        doings = Doings(last_upload, lambda: lift.journal.depth)
        power = Power(Watch(limits), doings, settings.command, int(settings.drain))
        self._attached = _Attached(sampler, enforcing, collector, lift, power)

    def tick(self) -> None:
        """What is due; for the live loop, at each turn."""
        attached, now_ms = self._attached, self._monotonic_ms()
        if attached is None:
            return
        attached.enforcing.confirm()
        uplink = attached.lift.uplink
        self._reached_ms = None if uplink.connected or uplink.budget_spent else self._reached_ms or now_ms
        if now_ms < self._due_ms:
            return
        self._due_ms = now_ms + _TICK_MS
        self.guard.tick()
        self._read_switch()
        state = attached.sampler.state
        if self._measured is None:
            self.supply_v = self._said_supply(attached.sampler, now_ms)
        asleep, driving = state is VehicleState.ASLEEP, state is VehicleState.DRIVING
        attached.power.tick(now_ms, asleep=asleep, driving=driving, supply_v=self.supply_v)

    def obey(self, identity: str, word: Privacy, issued_utc_ms: int, expires_utc_ms: int) -> Outcome:
        """A command of the cloud's. `identity` is its id; it is executed once."""
        return self.guard.command(identity, word, issued_utc_ms, expires_utc_ms, self._utc_ms())

    @property
    def power(self) -> Power | None:
        """What ends the day of the box; None before it is attached."""
        return None if self._attached is None else self._attached.power

    @property
    def supply_unreadable(self) -> int:
        """Readings of the supply's file that were none."""
        return 0 if self._measured is None else self._measured.unreadable

    @property
    def ending(self) -> Ending | None:
        """Why the box is about to go off; None where it is not."""
        return None if self.power is None else self.power.under_way

    def close(self) -> None:
        if self._attached is not None:
            self._attached.power.close()

    def _utc_ms(self) -> int | None:
        """Now, by the surest anchor; None where there is none yet."""
        anchor = None if self._attached is None else self._attached.collector.anchor
        return None if anchor is None else anchor.utc_ms + self._monotonic_ms() - anchor.at_ms

    def _read_switch(self) -> None:
        word = None if self._switch is None else self._switch.read()
        if word is not None:
            self.guard.heard(Word.SWITCH, word)

    def _modem_of(self, settings: ModemSettings, monotonic_ms: Callable[[], int]) -> Modem:
        # Here and not above, as the receiver: a box that has none does without what they need.
        from agent.modem.ladder import Ladder
        from agent.modem.modem import Modem, steps_of

        steps = steps_of(power_cycle=bool(settings.power_cycle))
        return Modem(
            settings.port,
            settings.baud,
            monotonic_ms,
            every_ms=int(settings.every),
            ladder=Ladder(steps, int(settings.reset_after), settings.resets_a_day),
            dead_since_ms=lambda: self._reached_ms,
            power_cycle=settings.power_cycle,
        )

    def _sources(self) -> list[Source]:
        sources: list[Source] = [each for each in (self.gnss, self.modem) if each is not None]
        listed = {message.bus for message in self._plan.messages if message.device}
        if self._measured is not None:
            sources.append(Periodic(_SUPPLY_MS, self._measure, self._monotonic_ms))
        if "Privacy" in listed:
            sources.append(Periodic(_SAID_MS, self._privacy_frame, self._monotonic_ms))
        if "Box" in listed:
            disk = self._settings.state
            sources.append(Periodic(_COMPUTER_MS, lambda: box_frame(self._monotonic_ms(), disk), self._monotonic_ms))
        return sources

    def _measure(self) -> Frame:
        self.supply_v = None if self._measured is None else self._measured.read()
        return frame_of(self._monotonic_ms(), "Power", {"Supply": self.supply_v})

    def _privacy_frame(self) -> Frame:
        return frame(self._monotonic_ms(), "Privacy", [_STATES.index(self.guard.state)])

    def _said_supply(self, sampler: Sampler, now_ms: int) -> float | None:
        name = self._plan.profile.power.supply
        value = None if name is None else sampler.value(name, now_ms)
        return float(value) if isinstance(value, int | float) else None


class _Attached(msgspec.Struct, frozen=True):
    sampler: Sampler
    enforcing: Enforcing
    collector: Collector
    lift: Lifting
    power: Power


def _receiver(settings: GnssSettings, losses: Losses, monotonic_ms: Callable[[], int]) -> Fixes:
    from agent.gnss.source import Fixes

    return Fixes(settings, losses, monotonic_ms)


_STATES = [Privacy(name) for _, name in sorted(PRIVACY_STATES.items())]


def _privacy(file: Path, settings: Settings, plan: Plan) -> tuple[Guard, Switch | None]:
    privacy = settings.privacy
    expected = [Word.BUS] if plan.privacy.source is not None else []
    switch = None
    if privacy.switch is not None:
        expected.append(Word.SWITCH)
        switch = Switch(privacy.switch, {text: Privacy(state) for text, state in privacy.switch_values.items()})
    return Guard(file, expected, Privacy(privacy.unknown)), switch


def _supply(settings: PowerSettings) -> SupplyFile | None:
    if settings.supply_file is None:
        return None
    return SupplyFile(settings.supply_file, settings.supply_scale, settings.supply_offset)
