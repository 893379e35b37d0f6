"""Where a client wants its notifications, and how often they are tried: what monitors and remote callbacks share.

Only what can be seen in the text is judged here; what a name resolves to is judged again whenever something is sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from msgspec import UNSET, Meta, UnsetType

from cloud_bridge.shapes.bodies import Part, RefusedBodyError

DAY_S = 86_400
LONGEST_RETRY_S = 3 * DAY_S
"""No message is kept for longer, so nothing is asked again later."""

RETRY_NUMBER = 3
RETRY_DELAY_S = 10
TIME_WINDOW_S = 60
"""The published defaults."""

Text = Annotated[str, Meta(min_length=1, max_length=256)]
RetryNumber = Annotated[int, Meta(ge=1, le=1_000_000, extra_json_schema={"default": RETRY_NUMBER})]
RetryDelay = Annotated[int, Meta(ge=1, le=LONGEST_RETRY_S, extra_json_schema={"default": RETRY_DELAY_S})]
"""Seconds."""

_TimeWindow = Annotated[int, Meta(ge=5, le=DAY_S, extra_json_schema={"default": TIME_WINDOW_S})]

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({
    "connection", "content-encoding", "content-length", "content-type", "date", "expect", "host", "keep-alive",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "webhook-id", "webhook-signature",
    "webhook-timestamp",
})  # fmt: skip
"""Headers that say what the sender does, and whose they are."""


class Attribute(Part, frozen=True):
    type: Literal["Header", "Body", "Query"]
    key: Text
    value: Annotated[str, Meta(max_length=4096)]
    """Literal, or a variable: its name behind `$`."""


class Webhook(Part, frozen=True):
    target: Annotated[str, Meta(max_length=2048)]
    name: Text
    attributes: Annotated[tuple[Attribute, ...], Meta(max_length=32)] | UnsetType = UNSET


class Callback(Part, frozen=True):
    webhook: Webhook


class BatchNotify(Part, frozen=True):
    size: Annotated[int, Meta(ge=1, le=1000)]
    time_window: _TimeWindow | UnsetType = UNSET


def check_webhook(webhook: Webhook, place: str, variables: Sequence[str], *, insecure: bool) -> None:
    """RefusedBodyError at the first fault; `place` is where in the body it stands, `variables` what its attributes may
    refer to, `$` included. `insecure`: http will do."""
    _check_target(webhook.target, f"{place}.target", insecure=insecure)
    for number, attribute in enumerate(() if isinstance(webhook.attributes, UnsetType) else webhook.attributes):
        _check_attribute(attribute, f"{place}.attributes[{number}]", variables)


def _check_target(target: str, field: str, *, insecure: bool) -> None:
    url = _url(target)
    schemes = ("https", "http") if insecure else ("https",)
    if url is None or url.scheme not in schemes or not url.hostname:
        # What was found is not repeated: refusals are logged, and it may hold a secret.
        raise RefusedBodyError(field, "expected an address as https://partner.example.com/monitors")
    if url.username is not None or url.password is not None:
        raise RefusedBodyError(field, "credentials do not belong into an address: use an attribute of type `Header`")
    if url.fragment:
        raise RefusedBodyError(field, "a part after `#` is never sent")


def _url(target: str) -> SplitResult | None:
    if not target.isascii() or not target.isprintable() or " " in target or "\\" in target:
        return None
    try:
        url = urlsplit(target)
        return url if url.port != 0 else None
    except ValueError:
        return None


def _check_attribute(attribute: Attribute, field: str, variables: Sequence[str]) -> None:
    key, value = attribute.key, attribute.value
    if value.startswith("$") and value not in variables:
        raise RefusedBodyError(f"{field}.value", f"expected one of {', '.join(variables)}, or a value without `$`")
    if attribute.type == "Header":
        if _TOKEN.fullmatch(key) is None:
            raise RefusedBodyError(f"{field}.key", f"`{key[:100]}` is no name of a header")
        if key.lower() in _OURS:
            raise RefusedBodyError(f"{field}.key", f"the header `{key}` is the sender's own")
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise RefusedBodyError(f"{field}.value", "a header has printable ASCII, without blanks at its ends")
