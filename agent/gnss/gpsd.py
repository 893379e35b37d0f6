"""Fixes from gpsd, where that has the receiver: its JSON protocol over TCP.

We ask it to watch (`?WATCH={"enable":true,"json":true};`) and it says, a line each: `TPV`, time, position and velocity
of one instant, and `SKY`, the satellites; the other classes are passed over. The same rules as for sentences hold:
there is a position only with a fix in two or three dimensions that was measured (not by dead reckoning, not simulated),
an altitude, above mean sea level, only in three, a time only with a fix; an instant that is said again is passed over.

A connection that ends, and one on which nothing comes for `SILENT_S`, is made anew, after half a second first and up to
30 s later on. gpsd itself says something every second where it has a receiver at all.
"""

from __future__ import annotations

import datetime
import json
import logging
import socket
import time
from collections.abc import Callable
from typing import Literal

from agent.bus.losses import Losses
from agent.gnss.fix import Fix
from agent.gnss.receiver_time import Repeats, rolled_over

log = logging.getLogger(__name__)

CONNECT_S = 5.0
SILENT_S = 60.0
_FIRST_DELAY_S = 0.5
_LONGEST_DELAY_S = 30.0
_LONGEST_LINE = 16_384
"""gpsd's own limit is 10,240."""
_WATCH = b'?WATCH={"enable":true,"json":true};\n'
_NOT_MEASURED = (5, 8)
"""TPV's `status`: dead reckoning, simulated."""
_KMH_PER_MS = 3.6
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Gpsd:
    """Reads fixes from a gpsd until closed; used as `agent.gnss.receiver.Receiver` is."""

    def __init__(
        self,
        host: str,
        port: int,
        losses: Losses | None = None,
        monotonic_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
        silent_s: float = SILENT_S,
    ) -> None:
        self.losses = losses if losses is not None else Losses()
        self._address = (host, port)
        self._name = f"gpsd {host}:{port}"
        self._monotonic_ms = monotonic_ms
        self._silent_s = silent_s
        self._repeats = Repeats()
        self._socket: socket.socket | None = None
        self._rest = b""
        self._heard_ms = 0
        self._satellites: int | None = None
        self._lines = 0
        self._failed = False
        self._retry_at_ms = 0
        self._delay_s = _FIRST_DELAY_S

    @property
    def connected(self) -> bool:
        return self._socket is not None

    @property
    def stale(self) -> int:
        """How often an old instant was said again."""
        return self._repeats.stale

    def read(self, wait_s: float) -> list[Fix]:
        """The fixes that came; waits up to `wait_s`."""
        connection = self._connected(wait_s)
        if connection is None:
            return []
        try:
            connection.settimeout(max(wait_s, 0.001))
            data = connection.recv(65_536)
        except TimeoutError:
            if self._monotonic_ms() - self._heard_ms > self._silent_s * 1000:
                self._fail(f"nothing for {self._silent_s:g} s")
            return []
        except OSError as failure:
            self._fail(failure.strerror or str(failure))
            return []
        if not data:
            self._fail("the connection has ended")
            return []
        return self._take(data)

    def close(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()

    def _take(self, data: bytes) -> list[Fix]:
        self._heard_ms = self._monotonic_ms()
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            self._damaged("a line without end")
            self._rest = b""
        fixes = []
        for line in whole:
            fix = self._line(line)
            if fix is not None:
                fixes.append(fix)
        if fixes:
            self._delay_s = _FIRST_DELAY_S
        return fixes

    def _line(self, line: bytes) -> Fix | None:
        self._lines += 1
        if not line.strip():
            return None
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            self._damaged("no JSON")
            return None
        kind = said.get("class") if isinstance(said, dict) else None
        if kind == "SKY":
            used = said.get("uSat")
            self._satellites = used if type(used) is int and 0 <= used < 1000 else self._satellites
        elif kind == "TPV":
            return self._fix(said)
        elif kind is None:
            self._damaged("no report of gpsd's")
        return None

    def _fix(self, tpv: dict[str, object]) -> Fix | None:
        at_ms = self._heard_ms
        mode = tpv.get("mode")
        measured = mode in (2, 3) and tpv.get("status") not in _NOT_MEASURED
        longitude, latitude = _number(tpv, "lon", 180), _number(tpv, "lat", 90)
        if not measured or longitude is None or latitude is None:
            return Fix(at_ms, satellites=self._satellites)
        if self._repeats.repeated(tpv.get("time"), at_ms):
            return None
        utc_ms = _utc_ms(tpv.get("time"))
        speed_ms = _number(tpv, "speed", 1000)
        dimensions: Literal[2, 3] = 3 if mode == 3 else 2
        return Fix(
            at_ms,
            None if utc_ms is None else rolled_over(utc_ms),
            longitude,
            latitude,
            _number(tpv, "altMSL", 100_000) if dimensions == 3 else None,
            _number(tpv, "track", 360),
            self._satellites,
            dimensions,
            None if speed_ms is None else speed_ms * _KMH_PER_MS,
        )

    def _damaged(self, what: str) -> None:
        self.losses.damaged(self._name, f"line {self._lines}", what)

    # The connection.

    def _connected(self, wait_s: float) -> socket.socket | None:
        if self._socket is not None:
            return self._socket
        due_s = (self._retry_at_ms - self._monotonic_ms()) / 1000
        if due_s > 0:
            time.sleep(min(due_s, wait_s))
            return None
        try:
            connection = socket.create_connection(self._address, CONNECT_S)
            connection.sendall(_WATCH)
        except OSError as failure:
            self._fail(failure.strerror or str(failure))
            return None
        self._socket = connection
        self._rest = b""
        self._heard_ms = self._monotonic_ms()
        self._satellites = None
        if self._failed:
            self._failed = False
            self.losses.recovered += 1
            log.info("%s: connected again", self._name)
        return connection

    def _fail(self, why: str) -> None:
        self._failed = True
        self._retry_at_ms = self._monotonic_ms() + round(self._delay_s * 1000)
        log.warning("%s: %s; next try in %.1f s", self._name, why, self._delay_s)
        self._delay_s = min(2 * self._delay_s, _LONGEST_DELAY_S)
        self.close()


def _number(tpv: dict[str, object], key: str, largest: float) -> float | None:
    """A number from -largest to largest; JSON knows `NaN` too, in Python's reading."""
    value = tpv.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -largest <= value <= largest:
        return None
    return float(value)


def _utc_ms(text: object) -> int | None:
    """Of ISO 8601 in UTC; None for anything else, 23:59:60 as well."""
    if not isinstance(text, str) or not text.endswith("Z"):
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment - _EPOCH) // datetime.timedelta(milliseconds=1)
