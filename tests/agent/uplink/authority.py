"""A certificate authority made by openssl, which dates its certificates as it is told."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from tests.conftest import needed

_CONFIG = """[ca]
default_ca = here
[here]
dir = {folder}
new_certs_dir = $dir
database = $dir/index
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


class Pair(NamedTuple):
    certificate: Path
    key: Path


class Authority:
    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder / name
        self._folder.mkdir()
        self.certificate = self._folder / "ca.pem"
        self._key = self._folder / "ca.key"
        (self._folder / "index").touch()
        (self._folder / "ca.cnf").write_text(_CONFIG.format(folder=self._folder))
        _openssl(f"req -x509 {_NEW_KEY} -days 3650 -subj /CN={name} -keyout {self._key} -out {self.certificate}")

    def issue(
        self,
        file: str,
        subject: str,
        begins: timedelta = timedelta(days=-1),
        ends: timedelta = timedelta(days=365),
        host: str | None = None,
    ) -> Pair:
        """Dates are from now. Issued again under the same name, it takes the place of what was there."""
        pair = Pair(self._folder / f"{file}.pem", self._folder / f"{file}.key")
        request, now = self._folder / f"{file}.csr", datetime.now(UTC)
        names = f" -addext subjectAltName={host}" if host else ""
        _openssl(f"req {_NEW_KEY} -subj /CN={subject} -keyout {pair.key} -out {request}{names}")
        dates = " ".join(
            f"{option} {now + moved:%Y%m%d%H%M%SZ}" for option, moved in (("-startdate", begins), ("-enddate", ends))
        )
        _openssl(
            f"ca -batch -notext -config {self._folder}/ca.cnf -cert {self.certificate} -keyfile {self._key}"
            f" -in {request} -out {pair.certificate} {dates}"
        )
        return pair


_NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"


def _openssl(arguments: str) -> None:
    subprocess.run([needed("openssl", "openssl"), *arguments.split()], check=True, capture_output=True)
