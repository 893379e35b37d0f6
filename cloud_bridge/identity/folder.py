"""The folder of the authorities: their keys and certificates, and the bridge's own. Only its owner may look into it.

vehicles.pem, vehicles.key    the authority of vehicles
services.pem, services.key    that of brokers and the bridge
bridge.pem, bridge.key        how the bridge shows itself to brokers: `[mqtt] cert_file` and `key_file`
revoked.pem                   which certificates of vehicles hold no more (CRL)
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cloud_bridge.identity.authority import Authority, IdentityError, key_pem, pem

VEHICLES, SERVICES, BRIDGE, REVOKED = "vehicles", "services", "bridge", "revoked.pem"
_PRIVATE, _PUBLIC = 0o600, 0o644


class Folder:
    def __init__(self, path: Path) -> None:
        """Reads nothing yet."""
        self.path = path

    @property
    def there(self) -> bool:
        return self._certificate(VEHICLES).is_file()

    def keep(self, name: str, pair: Authority) -> None:
        """Puts a key and its certificate into it. The certificate comes last: where it is, both are whole."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(self.path / f"{name}.key", key_pem(pair.key), private=True)
        write(self._certificate(name), pem(pair.certificate))

    def authority(self, name: str) -> Authority:
        """Raises IdentityError where there is none, OSError where it cannot be read."""
        if not self.there:
            raise IdentityError(f"{self.path} has no certificate authority: make one with `canlift-bridge ca init`")
        certificate, key = self.certificate(name), self.path / f"{name}.key"
        try:
            loaded = load_pem_private_key(key.read_bytes(), password=None)
        except ValueError as wrong:
            raise IdentityError(f"{key}: cannot be read as a private key: {wrong}") from wrong
        if not isinstance(loaded, EllipticCurvePrivateKey) or loaded.public_key() != certificate.public_key():
            raise IdentityError(f"{key}: is not the key of {self._certificate(name)}")
        return Authority(certificate, loaded)

    def certificate(self, name: str) -> x509.Certificate:
        """Raises IdentityError, OSError."""
        file = self._certificate(name)
        try:
            return x509.load_pem_x509_certificate(file.read_bytes())
        except ValueError as wrong:
            raise IdentityError(f"{file}: cannot be read as a certificate: {wrong}") from wrong

    def newest_list(self) -> x509.CertificateRevocationList | None:
        """None where none can be read: then the next one is as good as the first."""
        try:
            return x509.load_pem_x509_crl((self.path / REVOKED).read_bytes())
        except (OSError, ValueError):
            return None

    def _certificate(self, name: str) -> Path:
        return self.path / f"{name}.pem"


def write(path: Path, content: bytes, *, private: bool = False) -> None:
    """Takes the place of what is there as a whole, on the disk when it returns, and belongs to whom the folder belongs
    to: to the broker, where it is the broker's. Raises OSError."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE if private else _PUBLIC)
    with os.fdopen(descriptor, "wb") as file:
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
