"""The request that tells a target of notifications, as published: `MonitorEvents` or `RemoteEvents`."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from cloud_bridge.notify.attributes import values
from cloud_bridge.notify.sender import Sender
from cloud_bridge.notify.signing import signed
from cloud_bridge.store.port.outbox import Notification
from contract.version import VERSION


class Request(msgspec.Struct, frozen=True):
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    insecure: bool = False
    """It may be posted by `http`."""


def request(
    sender: Sender, notifications: Sequence[Notification], call_id: str, keys: Sequence[bytes], at_s: int
) -> Request:
    """`notifications`: at least one, all with the same attributes. `at_s`: Unix seconds, of the attempt."""
    added = values(sender, notifications[0])
    document = {
        sender.key: sender.id,
        "attributes": [{"key": key, "value": value} for kind, key, value in added if kind == "Body"],
        "events": [msgspec.Raw(one.body) for one in notifications],
    }
    body = msgspec.json.encode(document)
    given = [(key, value) for kind, key, value in added if kind == "Header"]
    headers = [("Content-Type", "application/json"), *signed(call_id, at_s, body, keys).items(), *given]
    if not any(key.lower() == "user-agent" for key, _ in given):
        headers.append(("User-Agent", f"canlift/{VERSION}"))
    query = [(key, value) for kind, key, value in added if kind == "Query"]
    return Request(_url(sender.target, query), tuple(headers), body, sender.insecure)


def _url(target: str, query: Sequence[tuple[str, str]]) -> str:
    if not query:
        return target
    scheme, netloc, path, there, _ = urlsplit(target)
    return urlunsplit((scheme, netloc, path, "&".join(part for part in (there, urlencode(query)) if part), ""))
