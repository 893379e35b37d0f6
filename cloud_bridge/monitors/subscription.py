"""What a subscription may say: where notifications go, and what is added to them.

Only what can be seen in the text is judged here; what a name resolves to is judged again whenever something is sent.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from msgspec import UnsetType

from cloud_bridge.monitors.parameter import EXTENSIONS, VARIABLES, Attribute, MonitorParameter, RefusedMonitorError

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({
    "connection", "content-encoding", "content-length", "content-type", "date", "expect", "host", "keep-alive",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "webhook-id", "webhook-signature",
    "webhook-timestamp",
})  # fmt: skip
"""Headers that say what the sender does, and whose they are."""


def check(asked: MonitorParameter, *, insecure: bool = False) -> None:
    """RefusedMonitorError at the first fault of what `asked` says of its notifications. `insecure`: http will do."""
    place = "subscribeParam.callback.webhook"
    webhook = asked.subscribe_param.callback.webhook
    _check_target(webhook.target, f"{place}.target", insecure=insecure)
    for number, attribute in enumerate(() if isinstance(webhook.attributes, UnsetType) else webhook.attributes):
        _check_attribute(attribute, f"{place}.attributes[{number}]")
    extensions = () if isinstance(asked.extended_event_param, UnsetType) else asked.extended_event_param
    for number, extension in enumerate(extensions):
        if extension not in EXTENSIONS:
            why = f"`{extension}` is none of {', '.join(sorted(EXTENSIONS))}"
            raise RefusedMonitorError(f"extendedEventParam[{number}]", why)


def _check_target(target: str, field: str, *, insecure: bool) -> None:
    url = _url(target)
    schemes = ("https", "http") if insecure else ("https",)
    if url is None or url.scheme not in schemes or not url.hostname:
        # What was found is not repeated: refusals are logged, and it may hold a secret.
        raise RefusedMonitorError(field, "expected an address as https://partner.example.com/monitors")
    if url.username is not None or url.password is not None:
        raise RefusedMonitorError(field, "credentials do not belong into an address: use an attribute of type `Header`")
    if url.fragment:
        raise RefusedMonitorError(field, "a part after `#` is never sent")


def _url(target: str) -> SplitResult | None:
    if not target.isascii() or not target.isprintable() or " " in target or "\\" in target:
        return None
    try:
        url = urlsplit(target)
        return url if url.port != 0 else None
    except ValueError:
        return None


def _check_attribute(attribute: Attribute, field: str) -> None:
    key, value = attribute.key, attribute.value
    if value.startswith("$") and value not in VARIABLES:
        raise RefusedMonitorError(f"{field}.value", f"expected one of {', '.join(VARIABLES)}, or a value without `$`")
    if attribute.type == "Header":
        if _TOKEN.fullmatch(key) is None:
            raise RefusedMonitorError(f"{field}.key", f"`{key[:100]}` is no name of a header")
        if key.lower() in _OURS:
            raise RefusedMonitorError(f"{field}.key", f"the header `{key}` is the sender's own")
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise RefusedMonitorError(f"{field}.value", "a header has printable ASCII, without blanks at its ends")
