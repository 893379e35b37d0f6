"""Whatever comes in whatever order, and whenever the power is cut: nothing is done twice, no outcome changes, and
nothing begins to be transmitted after it has expired."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.plan.actions import Arguments, PlannedAction, PlannedRemote
from agent.remote.executed import Executed
from agent.remote.execution import Transmission
from agent.remote.programs import KeptPrograms
from agent.remote.remote import Remote
from agent.remote.saying import Saying
from agent.remote.tracking import KeptTracking
from contract.actions import Action, Doors, Horn, Lights
from contract.command import Command
from contract.evaluation import Value
from contract.expressions import compile_expression
from contract.result import Outcome, Result
from contract.upload import Privacy
from tests.agent.remote.model import VIN

NAMES: dict[str, Action] = {"lock": Doors(locked=True), "horn-on": Horn(on=True), "lights-on": Lights(on=True)}
STARTED_MS = 1_700_000_000_000
LASTS_MS = 20_000


class Sent:
    """A transmission that ends when the test says so."""

    def __init__(self) -> None:
        self.over = False
        self.failure: str | None = None

    def cancel(self) -> None: ...


class Transmitter:
    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self.frames = self.requests = 0
        self.sent: list[str] = []
        self.last = Sent()

    def transmit(self, action: PlannedAction, _arguments: Arguments, begins_by_ms: int | None) -> Transmission:
        assert begins_by_ms == LASTS_MS
        assert self._now_ms() < begins_by_ms
        self.sent.append(action.name)
        self.last = Sent()
        return self.last

    def close(self) -> None: ...


class Vehicle:
    """Each action has a signal of its own, which its transmission sets in the end."""

    def __init__(self) -> None:
        self.values: dict[str, Value] = dict.fromkeys(map(signal, NAMES), 0)

    def value(self, name: str, _now_ms: int) -> Value | None:
        return self.values.get(name)

    def silent_ms(self, _now_ms: int) -> int:
        return 0


def signal(name: str) -> str:
    return f"Car.{name.replace('-', '_')}"


def planned(name: str) -> PlannedAction:
    proof = compile_expression(f"{signal(name)} == 1")
    return PlannedAction(
        name=name, frames=(), requests=None, proof=proof, within_ms=3000, done=None, requires=(), unless=()
    )


class Box:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_ms = 0
        self.knows_time = True
        self.vehicle = Vehicle()
        self.transmitter = Transmitter(lambda: self.now_ms)
        self.results: list[Result] = []
        self.start()

    def start(self) -> None:
        programs = KeptPrograms(self.folder / "programs", UTC)
        self.remote = Remote(
            PlannedRemote({name: planned(name) for name in NAMES}, None, frozenset()),
            tuple(NAMES),
            self.vehicle,
            Executed(self.folder / "executed"),
            self.transmitter,
            programs,
            Saying(programs.frames, (), lambda: self.now_ms),
            KeptTracking(self.folder / "tracking", {}, lambda _: None),
            privacy=lambda: Privacy.NONE,
            monotonic_ms=lambda: self.now_ms,
            utc_ms=lambda: STARTED_MS + self.now_ms if self.knows_time else None,
        )
        self.remote.attach(lambda _name, _now_ms: None, self.results.append)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int]]:
    kinds = ("ask", "ask", "ask", "sent", "proved", "fails", "later", "cut", "clock")
    return draw(st.lists(st.tuples(st.sampled_from(kinds), st.integers(0, 8)), max_size=40))


def command(number: int) -> tuple[Command, Action, str]:
    name = list(NAMES)[number % len(NAMES)]
    action = NAMES[name]
    return Command(bytes([number] * 16), VIN, STARTED_MS + LASTS_MS, action, STARTED_MS), action, name


@settings(max_examples=200, deadline=None)
@given(histories())
def test_nothing_is_done_twice_and_no_outcome_changes(history: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        box = Box(Path(folder))
        asked: Counter[str] = Counter()
        for what, number in history:
            one, action, name = command(number)
            if what == "ask":
                asked[name] += box.remote.executed.entry(one.id) is None
                box.remote.take(one, action)
            elif what == "sent":
                box.transmitter.last.over = True
            elif what == "proved":
                box.vehicle.values[signal(name)] = number % 2
            elif what == "fails":
                box.transmitter.last.failure = "no bus"
            elif what == "later":
                box.now_ms += number * 1000
            elif what == "cut":
                box.remote.close()
                box.start()
            else:
                box.knows_time = not box.knows_time
            box.remote.tick()
        assert all(count <= asked[name] for name, count in Counter(box.transmitter.sent).items())
        told: dict[bytes, set[Outcome]] = {}
        for result in box.results:
            if result.outcome.final and result.outcome is not Outcome.TIMELESS:
                told.setdefault(result.id, set()).add(result.outcome)
        # One that nobody can do any more has expired, whatever came of it before it was forgotten.
        assert all(len(outcomes - {Outcome.EXPIRED}) <= 1 for outcomes in told.values())
        late = [result for result in box.results if result.outcome is Outcome.RECEIVED]
        assert len(box.transmitter.sent) <= len({result.id for result in late})
