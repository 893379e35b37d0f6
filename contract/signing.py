"""Ed25519 (RFC 8032): who said it. A key is its 32 bytes; of a public one the first 8 bytes of its SHA-256 are its id.

What is signed is a *domain* and the content, so that what was signed for one purpose is none for another. cryptography
is imported where it is used: a vehicle that obeys nothing signed does without.
"""

from __future__ import annotations

from contract.wire import DIGEST_BYTES, digest

KEY_BYTES = 32
SIGNATURE_BYTES = 64
KEY_ID_BYTES = DIGEST_BYTES


def key_id(public: bytes) -> bytes:
    return digest(public)


def new_private_key() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate().private_bytes_raw()


def public_key(private: bytes) -> bytes:
    """Raises ValueError for what has not 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def sign(private: bytes, domain: bytes, content: bytes) -> bytes:
    """64 bytes. Raises ValueError for a key that has not 32 bytes."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(private).sign(domain + content)


def is_signed(public: bytes, signature: bytes, domain: bytes, content: bytes) -> bool:
    """Whether the holder of `public` signed it. False for a key or a signature that is none, too."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, domain + content)
    except (InvalidSignature, ValueError):
        return False
    return True
