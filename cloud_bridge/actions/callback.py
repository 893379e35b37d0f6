"""A remote callback as it is asked for: the body of POST and PUT, in the published shape."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from cloud_bridge.actions.life import REMOTE_TYPES, RemoteType
from cloud_bridge.shapes.bodies import Part, RefusedBodyError, read_body
from cloud_bridge.shapes.webhooks import BatchNotify, Callback, RetryDelay, RetryNumber, check_webhook

VARIABLES = ("$vin", "$callbackID", "$remoteType", "$fleetID")


class CallbackRetryPolicy(Part, frozen=True):
    policy: Literal["None", "Bounded"]
    retry_number: RetryNumber | UnsetType = UNSET
    retry_delay: RetryDelay | UnsetType = UNSET


class CallbackParameter(Part, frozen=True):
    remote_types: Annotated[tuple[RemoteType, ...], Meta(min_length=1, max_length=len(REMOTE_TYPES))]
    """What may be asked for with it."""
    callback: Callback
    label: Annotated[str, Meta(max_length=256)] | UnsetType = UNSET
    retry_policy: CallbackRetryPolicy | UnsetType = UNSET
    batch_notify: BatchNotify | UnsetType = UNSET


class StatusParameter(Part, frozen=True):
    status: Literal["Running", "Paused"]


def read(body: bytes, *, insecure: bool = False) -> CallbackParameter:
    """The callback that `body`, JSON, asks for. RefusedBodyError at its first fault. `insecure`: http will do."""
    asked = read_body(_DECODER, body)
    for number, type_ in enumerate(asked.remote_types):
        if type_ in asked.remote_types[:number]:
            raise RefusedBodyError(f"remoteTypes[{number}]", f"`{type_}` is there already")
    check_webhook(asked.callback.webhook, "callback.webhook", VARIABLES, insecure=insecure)
    return asked


def read_status(body: bytes) -> StatusParameter:
    """RefusedBodyError where it is none."""
    return read_body(_STATUS_DECODER, body)


_DECODER = msgspec.json.Decoder(CallbackParameter)
_STATUS_DECODER = msgspec.json.Decoder(StatusParameter)
