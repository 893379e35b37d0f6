"""`canlift-bridge health`: whether the bridge of these settings answers, for whoever restarts it when it does not, and
what it says of itself."""

from __future__ import annotations

import http.client
import ssl
from ipaddress import ip_address

from cloud_bridge.api.links import HEALTH
from cloud_bridge.settings import Api

PATIENCE_S = 4.0
_LONGEST = 4096


class UnwellError(Exception):
    """It does not answer as it should; the text says how."""


def expect_healthy(api: Api, patience_s: float = PATIENCE_S) -> str:
    """Asks the address that the bridge listens on: what it says. Raises UnwellError."""
    host = reachable(api.host)
    connection = _connection(host, api, patience_s)
    try:
        connection.request("GET", HEALTH)
        response = connection.getresponse()
        status, said = response.status, response.read(_LONGEST)
    except (OSError, http.client.HTTPException) as error:
        raise UnwellError(f"{host}:{api.port} does not answer: {error}") from error
    finally:
        connection.close()
    if status != http.client.OK:
        raise UnwellError(f"{host}:{api.port} answers with status {status}")
    return said.decode(errors="replace").strip()


def _connection(host: str, api: Api, patience_s: float) -> http.client.HTTPConnection:
    """Raises UnwellError."""
    if api.tls is None:
        return http.client.HTTPConnection(host, api.port, timeout=patience_s)
    # Its certificate is of the name that clients know it by: here it has to be this certificate, whatever its name.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(api.tls.cert)
    except OSError as error:
        raise UnwellError(f"{api.tls.cert} ([api.tls] cert): cannot be used as certificate: {error}") from error
    return http.client.HTTPSConnection(host, api.port, timeout=patience_s, context=context)


def reachable(host: str) -> str:
    """An address by which a listener on `host` is reached from its own machine."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"
