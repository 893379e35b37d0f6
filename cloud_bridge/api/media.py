"""The `Accept` header (RFC 9110 section 12.5.1): whether the caller takes what a resource is answered with.

A resource keeps its published media type whatever is asked. `application/json` takes it too, and so does the published
spelling `application/hal+json ` with its trailing space.
"""

from __future__ import annotations

from functools import lru_cache

JSON = "application/json"


@lru_cache(maxsize=256)
def accepts(accept: str, media_type: str) -> bool:
    """Whether `accept` takes `media_type`: the most specific range that fits decides."""
    if not accept.strip():
        return True
    best = (0, 0.0)
    for item in accept.split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        best = max(best, (_fit(name.lower(), media_type), quality(parameters)), key=lambda fit: fit[0])
    return best[0] > 0 and best[1] > 0


def _fit(name: str, media_type: str) -> int:
    if name == media_type:
        return 4
    if name == JSON:
        return 3
    if name == f"{media_type.partition('/')[0]}/*":
        return 2
    return 1 if name == "*/*" else 0


def quality(parameters: list[str]) -> float:
    """The weight `q` among the parameters of an item of such a list (RFC 9110 section 12.4.2)."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 1.0
    return 1.0
