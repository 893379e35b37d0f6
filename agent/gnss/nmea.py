"""NMEA 0183: sentences become fixes.

A receiver says each instant in several sentences: RMC (time, date, position, speed, course, valid or not), GGA
(position, altitude, satellites), GSA (2D or 3D), VTG (course, speed). Those of one instant bear the same time; where
they bear none (no satellite yet) a sentence that comes again begins the next instant. Other sentences are passed over;
one whose checksum is wrong or absent, or that makes no sense, is counted and left out.

There is a position only where the receiver says that it is valid *and* measured: estimated (dead reckoning), manual and
simulated positions are none. There is an altitude only in three dimensions.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator
from typing import Literal

from pynmeagps import NMEAMessage, NMEAReader
from pynmeagps.exceptions import NMEAMessageError, NMEAParseError, NMEATypeError

from agent.bus.losses import Losses
from agent.gnss.fix import Fix

_SENTENCE = re.compile(r"\$(([A-Z]{2})(RMC|GGA|GSA|VTG)|[A-Z][A-Z0-9]{2,}),[ -~]*\*[0-9A-Fa-f]{2}")
_FIELDS = {
    "RMC": ("time", "status", "lat", "lon", "spd", "cog", "date"),
    "GGA": ("time", "lat", "lon", "quality", "numSV", "alt"),
    "GSA": ("navMode",),
    "VTG": ("cogt", "sogk"),
}
"""What is read of each sentence: a shorter one is damaged, its checksum right or not."""
_KMH_PER_KNOT = 1.852
# GGA's quality: 1 GPS, 2 differential, 3 PPS, 4 and 5 RTK; 0 none, 6 estimated, 7 manual, 8 simulated.
_MEASURED = frozenset({1, 2, 3, 4, 5})
# RMC's mode: A autonomous, D differential, F and R RTK, P precise; E, M, N, S are not measured.
_MEASURED_MODES = frozenset({"A", "D", "F", "R", "P", ""})
_HALF_DAY_S = 43_200


class Instant:
    """The sentences of one instant, as they come in."""

    def __init__(self, at_ms: int | None, line: int) -> None:
        self.at_ms = at_ms
        """When its first sentence came; None for sentences of a file, which says nothing about that."""
        self.line = line
        self._messages: dict[str, NMEAMessage] = {}
        self.time: datetime.time | None = None
        self._three: bool | None = None

    def belongs(self, kind: str, message: NMEAMessage) -> bool:
        """Whether this sentence is about the same instant."""
        time = getattr(message, "time", "")
        if kind in ("GSA", "VTG"):
            return True
        if isinstance(time, datetime.time) and self.time is not None:
            return time == self.time
        return kind not in self._messages and (self.time is None or not self._messages)

    def add(self, kind: str, message: NMEAMessage) -> None:
        time = getattr(message, "time", "")
        if isinstance(time, datetime.time):
            self.time = time
        if kind == "GSA":
            self._three = message.navMode == 3
        self._messages[kind] = message

    def date(self) -> datetime.date | None:
        """RMC's date, if RMC is valid."""
        rmc = self._messages.get("RMC")
        valid = rmc is not None and rmc.status == "A" and isinstance(rmc.date, datetime.date)
        return rmc.date if rmc is not None and valid else None

    def fix(self, at_ms: int, utc_ms: int | None) -> Fix:
        rmc, gga, vtg = (self._messages.get(kind) for kind in ("RMC", "GGA", "VTG"))
        satellites = gga.numSV if gga is not None and isinstance(gga.numSV, int) else None
        measured = (rmc is None or (rmc.status == "A" and getattr(rmc, "posMode", "") in _MEASURED_MODES)) and (
            gga is None or gga.quality in _MEASURED
        )
        place = gga if gga is not None else rmc
        if not measured or place is None or isinstance(place.lat, str) or isinstance(place.lon, str):
            return Fix(at_ms, None, satellites=satellites)
        if not (-90 <= place.lat <= 90 and -180 <= place.lon <= 180):
            return Fix(at_ms, None, satellites=satellites)
        altitude = _number(gga, "alt")
        three = self._three if self._three is not None else altitude is not None
        dimensions: Literal[2, 3] = 3 if three else 2
        speed_kmh = _number(vtg, "sogk")
        if speed_kmh is None and (knots := _number(rmc, "spd")) is not None:
            speed_kmh = knots * _KMH_PER_KNOT
        heading = _number(rmc, "cog")
        if heading is None:
            heading = _number(vtg, "cogt")
        return Fix(
            at_ms,
            utc_ms,
            place.lon,
            place.lat,
            altitude if dimensions == 3 else None,
            heading,
            satellites,
            dimensions,
            speed_kmh,
        )


class Assembler:
    """Puts sentences together to instants, and gives them their date. One per receiver."""

    def __init__(self, name: str, losses: Losses) -> None:
        """`name` is the file or port, for what is reported."""
        self._name = name
        self._losses = losses
        self._instant: Instant | None = None
        self._day: datetime.date | None = None
        self._last: datetime.time | None = None
        self._number = 0
        self.damaged_in_a_row = 0
        """Lines since the last one that was an NMEA sentence."""

    @property
    def begun(self) -> bool:
        """Whether there is an instant that has not ended."""
        return self._instant is not None

    def sentence(self, line: str, at_ms: int | None = None) -> Iterator[tuple[Instant, int | None]]:
        """Takes one line; yields the instant that it ends, if it does, with its UTC (Unix ms) where that is known.

        `at_ms` is when the line came.
        """
        self._number += 1
        parsed = self._parsed(line.strip())
        if parsed is None:
            return
        kind, message = parsed
        if self._instant is not None and not self._instant.belongs(kind, message):
            yield from self.flush()
        if self._instant is None:
            self._instant = Instant(at_ms, self._number)
        self._instant.add(kind, message)

    def flush(self) -> Iterator[tuple[Instant, int | None]]:
        """Ends the instant: nothing more is to come about it."""
        instant, self._instant = self._instant, None
        if instant is not None:
            yield instant, self._utc_ms(instant)

    def _parsed(self, text: str) -> tuple[str, NMEAMessage] | None:
        if not text:
            return None
        match = _SENTENCE.fullmatch(text)
        if match is None:
            self._damaged("not an NMEA sentence with a checksum", text)
            return None
        if _checksum(text[1:-3]) != int(text[-2:], 16):
            self._damaged("wrong checksum", text)
            return None
        self.damaged_in_a_row = 0
        kind: str | None = match[3]
        if kind is None:
            return None
        try:
            message = NMEAReader.parse(text)
        except (NMEAMessageError, NMEAParseError, NMEATypeError, ValueError, TypeError, IndexError, KeyError) as wrong:
            self._damaged(type(wrong).__name__, text)
            return None
        if not all(hasattr(message, field) for field in _FIELDS[kind]):
            self._damaged("too few fields", text)
            return None
        return kind, message

    def _damaged(self, wrong: str, text: str) -> None:
        self.damaged_in_a_row += 1
        # No more of it than what kind it is: the rest may be a position, and what is damaged is told in logs.
        kind = text.partition(",")[0][:8]
        self._losses.damaged(self._name, f"line {self._number}", f"{wrong}; found {kind!r} and {len(text)} characters")

    def _utc_ms(self, instant: Instant) -> int | None:
        """The time of an instant with the date of the last valid RMC; over midnight the day goes on."""
        time = instant.time
        date = instant.date()
        if date is not None:
            self._day = date
        elif time is not None and self._day is not None and self._went_back(time):
            self._day += datetime.timedelta(days=1)
        if time is None or self._day is None:
            return None
        self._last = time
        moment = datetime.datetime.combine(self._day, time, datetime.UTC)
        return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(milliseconds=1)

    def _went_back(self, time: datetime.time) -> bool:
        return self._last is not None and _seconds(self._last) - _seconds(time) > _HALF_DAY_S


def _checksum(body: str) -> int:
    checksum = 0
    for byte in body.encode("ascii"):
        checksum ^= byte
    return checksum


def _seconds(time: datetime.time) -> int:
    return time.hour * 3600 + time.minute * 60 + time.second


def _number(message: NMEAMessage | None, field: str) -> float | None:
    """A field of a sentence. pynmeagps gives an empty one as an empty text, and takes `inf` for a number."""
    value = getattr(message, field, None)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
