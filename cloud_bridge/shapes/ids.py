"""Ids in addresses: of fleets, vehicles and trips.

Unreserved characters of URLs only (RFC 3986 section 2.3), so that an id stands in a path as it is. One of dots alone
would be taken for a step within the path.
"""

from __future__ import annotations

import re
from functools import lru_cache

LONGEST = 128
ID_PATTERN = f"[0-9A-Za-z._~-]{{1,{LONGEST}}}"
EXPECTED = "1 to 128 letters, digits, '.', '_', '~' or '-', not dots alone"
_ID = re.compile(ID_PATTERN)


def is_id(text: str) -> bool:
    return len(text) <= LONGEST and _is_id(text)


@lru_cache(maxsize=4096)
def _is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None and text.strip(".") != ""
