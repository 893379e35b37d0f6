"""Who calls: HTTP Basic (RFC 7617) together with the `client_id` of the query; and before that, for a client that is
bound to certificates, one of them."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Sequence

from cloud_bridge.access.secrets import BusyError
from cloud_bridge.api.errors import Code, RefusedError
from cloud_bridge.store.port.reading import Reader
from cloud_bridge.store.port.registry import Client

Verify = Callable[[str, str], bool]
"""Whether a secret is the one of a stored hash. May raise BusyError."""

CHALLENGE = {"WWW-Authenticate": 'Basic realm="connectedcar", charset="UTF-8"'}


def authenticate(
    authorization: str | None, client_ids: Sequence[str], reader: Reader, verify: Verify, shown: str | None = None
) -> Client:
    """The client with these credentials. `shown`: the fingerprint of the certificate of its connection.

    Raises RefusedError: 401, which does not say what of user, secret and id is wrong, or 429 when too many are being
    checked.
    """
    if authorization is None or not client_ids:
        missing = "HTTP Basic credentials" if authorization is None else "the query parameter 'client_id'"
        raise RefusedError(
            Code.NO_CREDENTIALS,
            f"Missing {missing}: every call needs HTTP Basic credentials and the query parameter 'client_id'.",
            CHALLENGE,
        )
    user, secret = _basic(authorization)
    client = reader.client(client_ids[0]) if len(client_ids) == 1 else None
    if client is not None and client.certificates:
        # Before the secret is looked at: nobody without the certificate learns anything about that.
        _expect_certificate(shown, client)
    # The time taken must not tell a wrong user from a wrong secret, nor how much of them agrees.
    if client is None or not (
        _verified(verify, secret, client) & hmac.compare_digest(user.encode(), client.user.encode())
    ):
        raise _wrong("These credentials and 'client_id' do not belong together.")
    return client


def _expect_certificate(shown: str | None, client: Client) -> None:
    if shown is None:
        raise RefusedError(
            Code.NO_CERTIFICATE,
            "Missing client certificate: this client's calls need one in the TLS connection.",
            CHALLENGE,
        )
    if shown not in client.certificates:
        raise RefusedError(
            Code.WRONG_CERTIFICATE, "The certificate of the TLS connection is not one of this client's.", CHALLENGE
        )


def _verified(verify: Verify, secret: str, client: Client) -> bool:
    try:
        return verify(secret, client.secret_hash)
    except BusyError:
        raise RefusedError(
            Code.TOO_MANY, "Too many credentials are being checked: try again in a second.", {"Retry-After": "1"}
        ) from None


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        user, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise _wrong("The Authorization header is not HTTP Basic: 'Basic base64(user:secret)'.")
    return user, secret


def _wrong(message: str) -> RefusedError:
    return RefusedError(Code.WRONG_CREDENTIALS, message, CHALLENGE)
