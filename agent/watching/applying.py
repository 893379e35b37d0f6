"""From a list to the sampler that runs: what it names is compiled, watched, and read frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from agent.bus.wanted import Ident
from agent.health.snapshot import WatchingHealth
from agent.plan.plan import Plan
from agent.sampling.sampler import Sampler
from agent.settings.commands import CommandsSettings
from agent.watching.desired import Desired
from contract.profile.events import WATCH


class Applying:
    def __init__(
        self,
        desired: Desired,
        plan: Plan,
        sampler: Sampler,
        settings: CommandsSettings,
        read: Callable[[dict[str, set[Ident]]], None],
    ) -> None:
        """`read` is told of which ids of each bus every frame is wanted, besides those of the plan."""
        self._watched = self._skipped = 0
        self._desired = desired
        self._plan = plan
        self._sampler = sampler
        self._settings = settings
        self._read = read

    def tick(self) -> bool:
        """Applies a list that came; whether one did. In the thread that samples, between frames."""
        watched = self._desired.take()
        if watched is None:
            return False
        # Here and not above: a vehicle of which nobody wants to know does without.
        from agent.plan.compiling_watches import compile_watches
        from agent.sampling.watches import Allowance

        compiled = compile_watches(self._plan, watched.conditions)
        self._read(self._idents({number for watch in compiled.watches for number in watch.signals}))
        allowance = Allowance(self._settings.watch_an_hour, self._settings.watch_an_hour_in_all)
        self._sampler.watch(compiled.watches, allowance)
        self._watched, self._skipped = len(compiled.watches), len(compiled.skipped)
        self._desired.applied(compiled.skipped)
        return True

    def health(self) -> WatchingHealth:
        known = self._desired.watched
        return WatchingHealth(
            list_number=None if known is None else known.number,
            watched=self._watched,
            skipped=self._skipped,
            held_back=self._sampler.held_back.get(WATCH, 0),
            refused=self._desired.refused,
            unwritten=self._desired.unwritten,
        )

    def _idents(self, signals: Iterable[int]) -> dict[str, set[Ident]]:
        found: dict[str, set[Ident]] = {}
        for index in {self._plan.signals[number].message for number in signals}:
            for bus, number, extended in self._plan.messages[index].keys:
                found.setdefault(bus, set()).add((number, extended))
        return found
