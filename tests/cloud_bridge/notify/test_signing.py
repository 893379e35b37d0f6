"""Signatures as receivers of Standard Webhooks check them."""

from __future__ import annotations

import hmac
import re
import time
from base64 import b64decode, b64encode
from typing import Any

from cloud_bridge.notify.signing import shown, signed
from tests.conftest import ROOT


def verified(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """As a receiver does it, with the secret as it is shown."""
    key = b64decode(secret.removeprefix("whsec_"))
    message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + b64encode(hmac.new(key, message, "sha256").digest()).decode()
    return any(hmac.compare_digest(expected, one) for one in headers["webhook-signature"].split(" "))


def test_the_published_example_has_the_published_signature() -> None:
    key = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [key])
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert shown(key) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_while_a_secret_is_replaced_receivers_with_either_are_served() -> None:
    new, old = bytes(32), bytes(range(32))
    headers = signed("1f", 1_700_000_000, b"{}", [new, old])
    assert verified(headers, b"{}", shown(new))
    assert verified(headers, b"{}", shown(old))
    assert not verified(headers, b"{ }", shown(new))
    assert not verified(headers, b"{}", shown(b"x" * 32))
    assert not verified({**headers, "webhook-timestamp": "1700000001"}, b"{}", shown(new))


def test_what_the_how_to_shows_tells_what_is_genuine_from_what_is_not() -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    (shown_there,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(shown_there, names)
    is_genuine = names["is_genuine"]
    key, now_s = bytes(range(32)), int(time.time())
    headers = signed("1f", now_s, b"{}", [bytes(32), key])
    assert is_genuine(headers, b"{}", shown(key))
    assert not is_genuine(headers, b"{ }", shown(key))
    assert not is_genuine(headers, b"{}", shown(b"x" * 32))
    assert not is_genuine(signed("1f", now_s - 3600, b"{}", [key]), b"{}", shown(key))
