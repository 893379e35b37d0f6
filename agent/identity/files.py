"""The files of the vehicle's identity, and how the next certificate takes the place of the present one.

    <certificate>                     the vehicle's certificate, PEM
    <key>                             its key
    <certificate>.issuer.pem          who signed it, and will sign the next one (`vehicle.issuer.pem`)
    <key>.next                        a key that a certificate is asked for
    <certificate>.next                the certificate of that key, once it came

Certificate and key are two files, and a power cut may come between them. So the certificate comes as `.next`, on the
disk beside its key: from then on the next pair is complete, and whoever reads the pair moves first the key and then the
certificate in its place. What is left of that by a power cut is done before the next reading.
"""

from __future__ import annotations

import os
from pathlib import Path

from agent.disk.durable import make_private, replace_durably, sync_folder


def next_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.next")


def issuer_of(certificate: Path) -> Path:
    return certificate.with_name(f"{certificate.stem}.issuer.pem")


def keep(file: Path, content: bytes) -> None:
    """Only its owner may read it: who runs the agent, whoever writes it. Raises OSError."""
    make_private(file.parent)
    replace_durably(file, content)
    if os.geteuid() == 0:
        owner = file.parent.stat()
        os.chown(file, owner.st_uid, owner.st_gid)


def take_up(certificate: Path, key: Path) -> bool:
    """Puts the next pair in its place where there is a complete one; whether there was. Raises OSError."""
    if not next_of(certificate).exists():
        return False
    if next_of(key).exists():
        next_of(key).replace(key)
        sync_folder(key.parent)
    next_of(certificate).replace(certificate)
    sync_folder(certificate.parent)
    return True
