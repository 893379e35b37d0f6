"""Signatures as receivers of Standard Webhooks check them."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode

from cloud_bridge.notify.signing import shown, signed


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
