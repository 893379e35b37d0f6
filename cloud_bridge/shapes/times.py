"""Times as the API writes them: RFC 3339 in UTC, milliseconds only where they are not zero; ISO 8601 durations."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=8192)
def rfc3339(at_ms: int) -> str:
    """Unix milliseconds as `2024-03-05T07:42:10Z` or `2024-03-05T07:42:10.250Z`."""
    seconds, ms = divmod(at_ms, 1000)
    text = datetime.fromtimestamp(seconds, UTC).isoformat()[:19]
    return f"{text}.{ms:03d}Z" if ms else f"{text}Z"


def iso_duration(seconds: int) -> str:
    """Whole seconds (>= 0) as `PT2H35M`; hours are not carried into days."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    parts = f"{hours}H" if hours else ""
    parts += f"{minute}M" if minute else ""
    parts += f"{second}S" if second or not parts else ""
    return f"PT{parts}"
