"""What a monitor may say of its notifications: where they go, and what is added to them."""

from __future__ import annotations

from msgspec import UnsetType

from cloud_bridge.monitors.parameter import EXTENSIONS, VARIABLES, MonitorParameter
from cloud_bridge.shapes.bodies import RefusedBodyError
from cloud_bridge.shapes.webhooks import check_webhook


def check(asked: MonitorParameter, *, insecure: bool = False) -> None:
    """RefusedBodyError at the first fault of what `asked` says of its notifications. `insecure`: http will do."""
    place = "subscribeParam.callback.webhook"
    check_webhook(asked.subscribe_param.callback.webhook, place, VARIABLES, insecure=insecure)
    extensions = () if isinstance(asked.extended_event_param, UnsetType) else asked.extended_event_param
    for number, extension in enumerate(extensions):
        if extension not in EXTENSIONS:
            why = f"`{extension}` is none of {', '.join(sorted(EXTENSIONS))}"
            raise RefusedBodyError(f"extendedEventParam[{number}]", why)
