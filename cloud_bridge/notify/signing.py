"""Signatures that say who posted a notification and that nothing changed on the way: Standard Webhooks, version 1.

    webhook-id         of the notification, or of the batch; the same however often it is posted
    webhook-timestamp  Unix seconds, of the attempt
    webhook-signature  "v1," and base64 of HMAC-SHA256 over "id.timestamp.body"; one for each secret, blanks between

A secret is shown as `whsec_` and base64 of its bytes, which are the key.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Sequence

_PREFIX = "whsec_"


def shown(secret: bytes) -> str:
    return _PREFIX + b64encode(secret).decode("ascii")


def signed(call_id: str, at_s: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers. `keys`: secrets, the current one first."""
    message = f"{call_id}.{at_s}.".encode() + body
    signatures = ["v1," + b64encode(hmac.digest(key, message, "sha256")).decode("ascii") for key in keys]
    return {"webhook-id": call_id, "webhook-timestamp": str(at_s), "webhook-signature": " ".join(signatures)}
