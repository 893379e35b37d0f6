"""HTTPS, and clients that show certificates: over real connections to a bridge that serves."""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cloud_bridge.api.links import BASE
from cloud_bridge.cli import main
from cloud_bridge.server.https import context, fingerprint
from cloud_bridge.settings import ApiTls
from tests.agent.bridge import eventually
from tests.agent.uplink.authority import Authority, Pair
from tests.conftest import free_port

HOST = "localhost"


class Served:
    """A bridge that serves HTTPS, and believes one authority of clients."""

    def __init__(self, folder: Path, output: pytest.CaptureFixture[str]) -> None:
        self.port = free_port()
        self.config = folder / "bridge.toml"
        self.servers, self.clients = Authority(folder, "servers"), Authority(folder, "clients")
        self._output = output
        own = self.servers.issue("api", "api", host=f"DNS:{HOST}")
        self.config.write_text(
            f'[mqtt]\nport = {free_port()}\n[api]\nport = {self.port}\npublic_url = "https://{HOST}:{self.port}"\n'
            f'[api.tls]\ncert = "{own.certificate}"\nkey = "{own.key}"\nclient_ca = "{self.clients.certificate}"\n'
        )
        self.run("fleet", "add", "Vans", "--id", "vans")

    def run(self, *words: str, fails: int = 0) -> str:
        assert main([*words, "--config", str(self.config)]) == fails
        output = self._output.readouterr()
        return output.err if fails else output.out

    def client(self, *words: str) -> dict[str, str]:
        made: dict[str, str] = json.loads(
            self.run("client", "add", "--user", "me", "--fleet", "vans", "--json", *words)
        )
        return made

    def connection(self, shown: Pair | None = None) -> httpx.Client:
        context = ssl.create_default_context(cafile=self.servers.certificate)
        if shown is not None:
            context.load_cert_chain(*shown)
        return httpx.Client(verify=context, base_url=f"https://{HOST}:{self.port}", timeout=60)


@pytest.fixture
def served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Served]:
    made = Served(tmp_path, capsys)
    command = [sys.executable, "-m", "cloud_bridge.cli", "serve", "--config", str(made.config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert eventually(lambda: main(["health", "--config", str(made.config)]) == 0, 60)
        capsys.readouterr()
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def asked(connection: httpx.Client, made: dict[str, str], secret: str | None = None) -> tuple[int, int | None]:
    """The status, and the code where it is a refusal."""
    answer = connection.get(
        f"{BASE}/fleets", params={"client_id": made["client_id"]}, auth=(made["user"], secret or made["secret"])
    )
    return answer.status_code, answer.json().get("code")


def test_a_client_that_is_bound_to_a_certificate_is_let_in_with_that_one_only(served: Served) -> None:
    own, other = served.clients.issue("own", "partner"), served.clients.issue("other", "partner")
    made = served.client("--certificate", str(own.certificate))
    free = served.client()
    with served.connection(own) as connection:
        assert asked(connection, made) == (200, None)
        assert asked(connection, made, "wrong") == (401, 40101)
        assert asked(connection, free) == (200, None)
        answer = connection.get(f"{BASE}/fleets", params={"client_id": made["client_id"]}, auth=("me", made["secret"]))
        assert answer.json()["_links"]["self"]["href"].startswith(f"https://{HOST}:{served.port}{BASE}/fleets")
    with served.connection(other) as connection:
        # Of the same name, by the same authority: it is the certificate that counts.
        assert asked(connection, made) == (401, 40103)
    with served.connection() as connection:
        assert asked(connection, made) == (401, 40102)
        # Nobody without the certificate learns whether a secret is right.
        assert asked(connection, made, "wrong") == (401, 40102)
        assert asked(connection, free) == (200, None)


def test_a_client_is_bound_anew_from_its_next_request_on(served: Served) -> None:
    old, new = served.clients.issue("old", "partner"), served.clients.issue("new", "partner")
    made = served.client("--certificate", str(old.certificate))
    with served.connection(old) as first, served.connection(new) as second:
        assert (asked(first, made)[0], asked(second, made)[0]) == (200, 401)
        both = ["--certificate", str(old.certificate), "--certificate", str(new.certificate)]
        served.run("client", "certificates", made["client_id"], *both)
        assert (asked(first, made)[0], asked(second, made)[0]) == (200, 200)
        written = served.run("client", "list", "--json")
        (shown,) = [one["certificates"] for one in json.loads(written)]
        assert len(shown) == 2
        people = ":".join(re.findall("..", shown[1].upper()))
        served.run("client", "certificates", made["client_id"], "--fingerprint", people)
        assert (asked(first, made)[0], asked(second, made)[0]) == (401, 200)
        served.run("client", "certificates", made["client_id"], "--none")
        assert asked(first, made) == (200, None)


def test_a_certificate_of_another_authority_ends_the_connection(served: Served, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger").issue("own", "partner")
    with served.connection(stranger) as connection, pytest.raises(httpx.TransportError):
        connection.get("/health")


def test_neither_older_tls_nor_plain_http_is_spoken(served: Served) -> None:
    old = ssl.create_default_context(cafile=served.servers.certificate)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with httpx.Client(verify=old) as connection, pytest.raises(httpx.TransportError):
        connection.get(f"https://{HOST}:{served.port}/health")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://{HOST}:{served.port}/health")


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair, absent = authority.issue("api", "api"), tmp_path / "absent.pem"
    for tls, said in (
        (ApiTls(absent, pair.key), rf"{absent} with the key .*: cannot be used as certificate: No such file"),
        (ApiTls(pair.certificate, authority.issue("other", "other").key), "cannot be used as certificate: "),
        (ApiTls(*pair, client_ca=absent), rf"{absent} \(\[api.tls\] client_ca\): cannot be used"),
    ):
        with pytest.raises(OSError, match=said):
            context(tls)


@pytest.mark.parametrize("text", ["", "ab", "g" * 64, "ab:cd"])
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        fingerprint(text)


def test_a_client_is_not_bound_where_nobody_asks_for_certificates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bridge = Served(tmp_path, capsys)
    words = ["client", "add", "--user", "me", "--fleet", "vans", "--fingerprint", "ab" * 32]
    bridge.config.write_text(bridge.config.read_text().partition("client_ca")[0])
    assert "[api.tls] client_ca has to say who signs" in bridge.run(*words, fails=2)


def test_a_file_without_a_certificate_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bridge = Served(tmp_path, capsys)
    file = tmp_path / "own.pem"
    for text in ("nothing", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"):
        file.write_text(text)
        words = ["client", "add", "--user", "me", "--fleet", "vans", "--certificate", str(file)]
        assert f"{file}: cannot be read as a certificate in PEM" in bridge.run(*words, fails=2)
    assert "give certificates, or --none" in bridge.run("client", "certificates", "c1", fails=2)
    assert "there is no client c1" in bridge.run("client", "certificates", "c1", "--none", fails=1)
