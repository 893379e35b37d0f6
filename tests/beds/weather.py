"""A day of cellular weather, compressed into a minute and a half: what befalls the link, the broker and the bridge.

Each spell is followed by fair weather for a moment. Their order and how long they last are drawn from a seed, so that a
day can be had again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.agent.bridge import eventually
from tests.beds.cloud import VEHICLES_PORT, Cloud
from tests.beds.far import Far
from tests.beds.portal import Portal, portal
from tests.certificates import Authority

FAIR: Mapping[str, object] = {"delay_s": 0.03, "rate": 10e6, "loss": 0.0, "diverted": None}
HTTP_PORT, TLS_PORT = 8001, 8002
"""Of the portals."""
NO_TLS, WRONG_CERTIFICATE = "does not speak TLS", "is not believed"
"""What the agent is to say of the two portals."""
NO_ADDRESS = "is no address of this machine any more"
_FAIR_S = (1.0, 2.0)
_PATIENCE_S = 60


@dataclass
class Sky:
    """What the weather falls upon."""

    cloud: Cloud
    far: Far
    said: Callable[[], str]
    """By the agent, so far."""
    http: Portal
    tls: Portal
    rng: random.Random
    spells: list[str] = field(default_factory=list)
    """Those that are over."""
    _changes: int = 0

    def be(self, **changes: object) -> None:
        self.far.be(**changes)

    def lasts(self, shortest_s: float, longest_s: float) -> None:
        time.sleep(self.rng.uniform(shortest_s, longest_s))

    def fair(self) -> None:
        self.be(**FAIR)
        self.lasts(*_FAIR_S)

    def new_address(self) -> str:
        self._changes += 1
        network, _, _ = self.far.near.rpartition(".")
        return f"{network}.{10 + self._changes}"

    def connected(self) -> bool:
        said = self.said()
        return said.rfind(" connected to ") > said.rfind(" uploads are pending")

    def hears(self, words: str) -> None:
        """Waits until the agent has said so: the spell lasts longer where the machine is slow."""
        assert eventually(lambda: words in self.said(), _PATIENCE_S), f"{words}, in:\n{self.said()}"


def _short_tunnel(sky: Sky) -> None:
    sky.be(loss=1.0)
    sky.lasts(2, 4)


def _long_tunnel(sky: Sky) -> None:
    """Longer than a dead line is held for alive."""
    sky.be(loss=1.0)
    sky.lasts(9, 11)


def _hand_over(sky: Sky) -> None:
    """From one cell to the next and the one after, each of another kind."""
    for delay_s, rate in ((0.4, 300e3), (0.02, 50e6), (0.15, 1e6)):
        sky.be(loss=1.0)
        sky.lasts(0.1, 0.4)
        sky.be(loss=0.01, delay_s=delay_s, rate=rate)
        sky.lasts(0.8, 1.4)


def _narrow(sky: Sky) -> None:
    sky.be(rate=64e3, delay_s=0.1)
    sky.lasts(7, 9)


def _lossy(sky: Sky) -> None:
    sky.be(loss=0.2, delay_s=0.05, rate=1e6)
    sky.lasts(7, 9)


def _distant(sky: Sky) -> None:
    """Two seconds each way."""
    sky.be(delay_s=2.0, rate=256e3)
    sky.lasts(8, 10)


def _another_address(sky: Sky) -> None:
    """A new context of packet data: nobody tells the connection, whose packets now lead nowhere."""
    assert eventually(sky.connected, _PATIENCE_S), sky.said()
    sky.be(near=sky.new_address())
    sky.lasts(3, 5)
    sky.hears(NO_ADDRESS)


def _login_page(sky: Sky) -> None:
    sky.be(diverted=[VEHICLES_PORT, HTTP_PORT])
    sky.lasts(4, 6)
    sky.hears(NO_TLS)


def _login_page_by_tls(sky: Sky) -> None:
    sky.be(diverted=[VEHICLES_PORT, TLS_PORT])
    sky.lasts(4, 6)
    sky.hears(WRONG_CERTIFICATE)


def _broker_forgets(sky: Sky) -> None:
    """Every session, and what it had taken over for a bridge that is away."""
    sky.cloud.kill("bridge")
    sky.lasts(2, 3)
    sky.cloud.kill("broker")
    sky.lasts(1, 2)
    sky.cloud.start_broker()
    sky.cloud.start_bridge()


def _bridge_restarts(sky: Sky) -> None:
    sky.cloud.kill("bridge")
    sky.lasts(3, 5)
    sky.cloud.start_bridge()


SPELLS: tuple[Callable[[Sky], None], ...] = (
    _short_tunnel,
    _long_tunnel,
    _hand_over,
    _narrow,
    _lossy,
    _distant,
    _another_address,
    _login_page,
    _login_page_by_tls,
    _broker_forgets,
    _bridge_restarts,
)


@contextmanager
def sky(cloud: Cloud, far: Far, folder: Path, said: Callable[[], str], seed: int) -> Iterator[Sky]:
    """With the portals, which wait for their hour."""
    certificate = Authority(folder).certificate(far.address)
    with (
        far.beside(lambda: portal(HTTP_PORT)) as http,
        far.beside(lambda: portal(TLS_PORT, certificate)) as tls,
    ):
        yield Sky(cloud, far, said, http, tls, random.Random(seed))


def pass_over(above: Sky) -> None:
    """The day, from fair weather to fair weather."""
    above.fair()
    for spell in above.rng.sample(SPELLS, len(SPELLS)):
        spell(above)
        above.spells.append(spell.__name__.strip("_"))
        above.fair()
