"""Times of a day and moments, as the bodies of remote actions write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from cloud_bridge.shapes.bodies import RefusedBodyError
from contract.actions import NextCharge
from contract.anchor import MAXIMUM_UTC_MS

DAY_S = 86_400

_TIME_OF_DAY = re.compile(r"P(?:0{1,4}D)?T(?=\d)(?:(\d{1,2})H)?(?:(\d{1,4})M)?(?:(\d{1,5})S)?", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


def time_of_day(text: str, field: str) -> int:
    """Seconds since midnight of an ISO 8601 duration of less than a day. RefusedBodyError."""
    match = _TIME_OF_DAY.fullmatch(text)
    hours, minutes, seconds = (0, 0, DAY_S) if match is None else (int(part or 0) for part in match.groups())
    time_s = 3600 * hours + 60 * minutes + seconds
    if time_s >= DAY_S:
        raise RefusedBodyError(field, f"`{text}`: expected how long after midnight, less than a day, as PT7H15M")
    return time_s


def moment(text: str, field: str) -> NextCharge:
    """An RFC 3339 date-time from 1970 to 2248, as a command can say it. RefusedBodyError."""
    try:
        if _MOMENT.fullmatch(text) is None:
            raise ValueError(text)
        at = datetime.fromisoformat(text.upper())
        utc_ms = round(at.astimezone(UTC).timestamp() * 1000)
        if 0 <= utc_ms <= MAXIMUM_UTC_MS:
            offset = at.utcoffset()
            return NextCharge(utc_ms, 0 if offset is None else round(offset.total_seconds()) // 60)
    except (ValueError, OverflowError):
        pass
    why = f"`{text}`: expected a time as 2024-03-05T07:42:10+01:00, from 1970 to 2248"
    raise RefusedBodyError(field, why) from None
