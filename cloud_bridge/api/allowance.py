"""A client's limits as answers show them: the published `X-RateLimit-…` headers, and 429.

1 is the sliding day, 2 the burst of a second. `X-RateLimit-Reset` and `Retry-After` (seconds) come with 429 only.
"""

from __future__ import annotations

from cloud_bridge.access.limits import Allowance
from cloud_bridge.api.errors import Code, RefusedError

RawHeaders = list[tuple[bytes, bytes]]


def headers(allowance: Allowance) -> RawHeaders:
    """As ASGI takes them."""
    return [
        (b"x-ratelimit-limit-1", b"%d" % allowance.day),
        (b"x-ratelimit-remaining-1", b"%d" % allowance.day_left),
        (b"x-ratelimit-limit-2", b"%d" % allowance.burst),
        (b"x-ratelimit-remaining-2", b"%d" % allowance.burst_left),
    ]


def expect_admitted(allowance: Allowance, client_id: str) -> None:
    """Raises RefusedError where a limit is reached."""
    if not allowance.wait_s:
        return
    wait = str(allowance.wait_s)
    code, limit, window = (
        (Code.BURST_LIMIT, allowance.burst, "second")
        if allowance.day_left
        else (Code.DAY_LIMIT, allowance.day, "24 hours")
    )
    raise RefusedError(
        code,
        f"Client '{client_id}' may ask {limit} times in any {window}, and has: try again in {wait} s.",
        {"X-RateLimit-Reset": wait, "Retry-After": wait},
    )
