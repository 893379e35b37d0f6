"""A sender as delivery needs it: where its notifications go, what is added to them, and how often they are tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

import msgspec
from msgspec import UnsetType

from cloud_bridge.shapes.webhooks import RETRY_DELAY_S, RETRY_NUMBER, TIME_WINDOW_S, Attribute, BatchNotify, Webhook

Policy = Literal["None", "Bounded", "Always"]


class Retry(msgspec.Struct, frozen=True):
    policy: Policy = "Bounded"
    number: int = RETRY_NUMBER
    """Attempts in a row, of `Bounded`."""
    delay_ms: int = 1000 * RETRY_DELAY_S


class Batch(msgspec.Struct, frozen=True):
    size: int
    window_ms: int = 1000 * TIME_WINDOW_S


class Sender(msgspec.Struct, frozen=True):
    id: str
    key: Literal["monitorId", "callbackId"]
    """What the body calls its id."""
    fleet_id: str
    target: str
    attributes: tuple[Attribute, ...] = ()
    retry: Retry = Retry()
    batch: Batch | None = None
    paused: bool = False
    insecure: bool = False
    """Its target may be `http`."""


class RetryPolicy(Protocol):
    """As monitors and callbacks publish it."""

    @property
    def policy(self) -> Policy: ...
    @property
    def retry_number(self) -> int | UnsetType: ...
    @property
    def retry_delay(self) -> int | UnsetType: ...


SenderOf = Callable[[str, str], Sender | None]
"""By the ids of fleet and sender. None: there is none any more."""


def sender_of(
    sender_id: str,
    key: Literal["monitorId", "callbackId"],
    fleet_id: str,
    webhook: Webhook,
    retry: RetryPolicy | UnsetType,
    batch: BatchNotify | UnsetType,
    *,
    paused: bool,
    insecure: bool,
) -> Sender:
    """With the published defaults where the parts do not say."""
    return Sender(
        sender_id,
        key,
        fleet_id,
        webhook.target,
        () if isinstance(webhook.attributes, UnsetType) else webhook.attributes,
        _retry(retry),
        _batch(batch),
        paused,
        insecure,
    )


def _retry(asked: RetryPolicy | UnsetType) -> Retry:
    if isinstance(asked, UnsetType):
        return Retry()
    number, delay_s = asked.retry_number, asked.retry_delay
    return Retry(
        asked.policy,
        RETRY_NUMBER if isinstance(number, UnsetType) else number,
        1000 * (RETRY_DELAY_S if isinstance(delay_s, UnsetType) else delay_s),
    )


def _batch(asked: BatchNotify | UnsetType) -> Batch | None:
    if isinstance(asked, UnsetType):
        return None
    window_s = asked.time_window
    return Batch(asked.size, 1000 * (TIME_WINDOW_S if isinstance(window_s, UnsetType) else window_s))
