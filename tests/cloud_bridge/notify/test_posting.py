"""One attempt against real receivers: what is a delivery, and what a target cannot do to us."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from msgspec.structs import replace

from cloud_bridge.notify.addresses import Address, Permitted
from cloud_bridge.notify.posting import REST_BYTES, Answer, Limits, Poster, certificates
from cloud_bridge.notify.request import Request
from cloud_bridge.notify.resolving import SystemResolver, TargetError
from tests.certificates import Authority
from tests.cloud_bridge.notify.waiting import NAME
from tests.receiver import Received, Receiver, Reply, dripping, silent_port

LOOPBACK = ip_network("127.0.0.0/8")


def leads_to(*addresses: str) -> Callable[[str], Awaitable[list[Address]]]:
    async def resolve(_: str) -> list[Address]:
        return [ip_address(address) for address in addresses]

    return resolve


class Posting:
    """Posts from an event loop of its own, each time with a new poster."""

    def __init__(self, authority: Authority) -> None:
        self.context = certificates(authority.file)
        self.permitted = Permitted([LOOPBACK])
        self.resolve: Callable[[str], Awaitable[list[Address]]] = leads_to("127.0.0.1")
        self.limits = Limits(connect_s=10.0, whole_s=30.0)
        self.insecure = False

    def poster(self) -> Poster:
        return Poster(self.context, self.permitted, self.resolve, self.limits)

    def __call__(self, port: int, name: str = NAME, scheme: str = "https", body: bytes = b"{}") -> Answer:
        (answer,) = self.many(1, port, name, scheme, body)
        return answer

    def many(
        self, number: int, port: int, name: str = NAME, scheme: str = "https", body: bytes = b"{}"
    ) -> list[Answer]:
        async def post() -> list[Answer]:
            poster = self.poster()
            try:
                asked = replace(to(port, name, scheme, body), insecure=self.insecure)
                return [await poster.post(asked) for _ in range(number)]
            finally:
                await poster.close()

        return asyncio.run(post())


def to(port: int, name: str = NAME, scheme: str = "https", body: bytes = b"{}") -> Request:
    return Request(f"{scheme}://{name}:{port}/hook?a=1", (("X-Test", "yes"),), body)


@pytest.fixture
def post(authority: Authority) -> Posting:
    return Posting(authority)


def test_a_2xx_is_a_delivery_and_the_request_is_as_it_was_made(post: Posting, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(202)
    assert post(receiver.port, body=b'{"events": []}') == Answer()
    (came,) = receiver.received
    assert (came.path, came.body, came.header("x-test")) == ("/hook?a=1", b'{"events": []}', "yes")
    assert came.header("host") == f"{NAME}:{receiver.port}"


@pytest.mark.parametrize("status", [300, 400, 401, 404, 410, 500])
def test_anything_else_is_a_failure_that_names_the_status(post: Posting, receiver: Receiver, status: int) -> None:
    receiver.answer = lambda _: Reply(status, body=b"secret of the receiver")
    answer = post(receiver.port)
    assert answer.failure.startswith(f"the answer was {status}")
    assert "secret" not in answer.failure


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(post: Posting, receiver: Receiver, certificate: Path, status: int) -> None:
    with Receiver(certificate) as elsewhere:
        receiver.answer = lambda _: Reply(status, {"Location": f"https://{NAME}:{elsewhere.port}/"})
        assert post(receiver.port).failure == f"the answer was {status}: redirects are not followed"
        assert elsewhere.received == []


@pytest.mark.parametrize("addresses", [("93.184.216.34", "127.0.0.1"), ("127.0.0.1", "93.184.216.34")])
def test_a_name_with_two_addresses_is_refused_when_one_of_them_is(
    post: Posting, receiver: Receiver, addresses: tuple[str, ...]
) -> None:
    post.permitted = Permitted()
    post.resolve = leads_to(*addresses)
    answer = post(receiver.port)
    assert f"{NAME} has the address 127.0.0.1, which is refused: it is the machine itself" in answer.failure
    assert "[notifications] allow" in answer.failure
    assert receiver.received == []


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1", "2130706433", "0x7f.1", "0x7f000001", "017700000001", "127.1", "0", "localhost", "[::1]", "[::]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]", "[fe80::1%lo]", "user:secret@127.0.0.1", "1.1.1.1@127.0.0.1",
    ],
)  # fmt: skip
def test_however_loopback_is_written_it_is_refused(post: Posting, receiver: Receiver, target: str) -> None:
    post.permitted = Permitted()

    async def attempt() -> Answer:
        post.resolve = SystemResolver()
        poster = post.poster()
        try:
            return await poster.post(to(receiver.port, target))
        finally:
            await poster.close()

    assert "which is refused" in asyncio.run(attempt()).failure
    assert receiver.received == []


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1.", "0177.0.0.1", "%31%32%37.0.0.1", "127.0.0.1%2f.example.com", "localhost..", "[::1%25lo]",
        "[v1.a]", "⑫7.0.0.1",
    ],
)  # fmt: skip
def test_what_is_no_way_to_write_an_address_leads_nowhere(post: Posting, receiver: Receiver, target: str) -> None:
    post.permitted = Permitted()
    post.resolve = SystemResolver()
    assert post(receiver.port, target).failure
    assert receiver.received == []


@pytest.mark.parametrize("place", [0, 500, 999])
def test_of_a_name_with_a_thousand_addresses_all_are_looked_at(post: Posting, receiver: Receiver, place: int) -> None:
    post.permitted = Permitted()
    addresses = [f"93.184.{number // 250}.{number % 250 + 1}" for number in range(1000)]
    addresses[place] = "127.0.0.1"
    post.resolve = leads_to(*addresses)
    assert "has the address 127.0.0.1, which is refused" in post(receiver.port).failure
    assert receiver.received == []


def test_a_name_that_leads_elsewhere_the_next_moment_is_checked_again(post: Posting, receiver: Receiver) -> None:
    post.permitted = Permitted([ip_network("127.0.0.1/32")])
    answers = iter([leads_to("127.0.0.1"), leads_to("127.0.0.2")])

    async def resolve(name: str) -> list[Address]:
        return await next(answers)(name)

    post.resolve = resolve
    first, second = post.many(2, receiver.port)
    assert first == Answer()
    assert "127.0.0.2, which is refused" in second.failure
    assert len(receiver.received) == 1


def test_an_address_that_takes_no_connection_is_passed_over_for_the_next(post: Posting, receiver: Receiver) -> None:
    post.resolve = leads_to("127.0.0.9", "127.0.0.1")
    assert post(receiver.port) == Answer()


def test_a_refused_connection_is_a_failure_that_says_so(post: Posting) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert "no connection to 127.0.0.1" in post(taken.getsockname()[1]).failure


def test_an_expired_certificate_is_refused(post: Posting, authority: Authority) -> None:
    with Receiver(authority.certificate(NAME, valid_s=-60)) as receiver:
        assert "certificate has expired" in post(receiver.port).failure
        assert receiver.received == []


def test_a_certificate_for_another_name_is_refused(post: Posting, authority: Authority) -> None:
    # Of the address it is, which is not what the target was.
    with Receiver(authority.certificate("elsewhere.example.com", "127.0.0.1")) as receiver:
        assert "certificate is not valid for" in post(receiver.port).failure
        assert receiver.received == []


def test_a_certificate_of_an_unknown_authority_is_refused(post: Posting, receiver: Receiver) -> None:
    post.context = certificates(None)
    assert "certificate verify failed" in post(receiver.port).failure
    assert receiver.received == []


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    with pytest.raises(OSError, match=r"ca\.pem \(\[notifications\] ca_file\) has no certificates"):
        certificates(file)
    file.write_text("rubbish")
    with pytest.raises(OSError, match=r"ca\.pem \(\[notifications\] ca_file\) has no certificates"):
        certificates(file)


def test_http_is_for_those_who_allow_it(post: Posting) -> None:
    with Receiver() as receiver:
        assert "its target is not https" in post(receiver.port, scheme="http").failure
        assert receiver.received == []
        post.insecure = True
        assert post(receiver.port, scheme="http") == Answer()


def test_a_target_that_drips_ends_at_the_limit_of_the_attempt(post: Posting, receiver: Receiver) -> None:
    post.limits = Limits(connect_s=10.0, whole_s=1.5)
    receiver.answer = lambda _: dripping(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000, 0.1)
    began_s = time.monotonic()
    assert post(receiver.port).failure == "no answer within 1.5 s"
    assert time.monotonic() - began_s < 60


def test_a_target_that_takes_connections_and_says_nothing_ends_at_the_limit(post: Posting) -> None:
    post.limits = Limits(connect_s=0.5, whole_s=60.0)
    listener, port = silent_port()
    with listener:
        assert post(port).failure == "127.0.0.1 took no connection within 0.5 s"


def test_a_200_with_a_body_that_drips_is_a_delivery(post: Posting, receiver: Receiver) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"

    def answer(send: Callable[[bytes], None]) -> None:
        send(head)
        for _ in range(1000):
            send(b"x")
            time.sleep(0.1)

    receiver.answer = lambda _: Reply(raw=answer)
    began_s = time.monotonic()
    assert post(receiver.port) == Answer()
    assert time.monotonic() - began_s < 60


@pytest.mark.parametrize("length", [b"Content-Length: 1073741824", b"X-No: length"])
def test_a_200_with_a_gigabyte_is_a_delivery_of_which_little_is_read(
    post: Posting, receiver: Receiver, length: bytes
) -> None:
    sent = 0

    def flood(send: Callable[[bytes], None]) -> None:
        nonlocal sent
        send(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n")
        while sent < 1 << 30:
            send(bytes(65_536))
            sent += 65_536

    receiver.answer = lambda _: Reply(raw=flood)
    assert post(receiver.port) == Answer()
    # What the sockets between hold, too.
    assert sent < 20 * 1024 * 1024 + REST_BYTES


def test_headers_without_end_are_a_failure(post: Posting, receiver: Receiver) -> None:
    def flood(send: Callable[[bytes], None]) -> None:
        send(b"HTTP/1.1 200 OK\r\n")
        for number in range(1_000_000):
            send(b"X-%d: y\r\n" % number)

    receiver.answer = lambda _: Reply(raw=flood)
    failure = post(receiver.port).failure
    assert failure
    assert "no answer within" not in failure


def test_an_answer_that_is_not_http_is_a_failure(post: Posting, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(raw=lambda send: send(b"220 mail.example.com ESMTP\r\n"))
    assert post(receiver.port).failure


def test_a_name_that_is_never_resolved_ends_at_its_limit_and_holds_up_no_other(
    post: Posting, receiver: Receiver
) -> None:
    until_asked = socket.create_server(("127.0.0.1", 0))

    def look_up(name: str) -> list[Address]:
        if name.startswith("dead"):
            until_asked.accept()
        return [ip_address("127.0.0.1")]

    async def attempts() -> list[Answer]:
        post.resolve = SystemResolver(look_up)
        patient = post.poster()
        post.limits = Limits(connect_s=1.0, whole_s=60.0)
        poster = post.poster()
        try:
            dead = [poster.post(to(receiver.port, f"dead{number}.example.com")) for number in range(40)]
            return await asyncio.gather(*dead, patient.post(to(receiver.port)))
        finally:
            await poster.close()
            await patient.close()

    *dead, alive = asyncio.run(attempts())
    assert alive == Answer()
    assert {answer.failure.partition(" ")[2] for answer in dead} == {"was not resolved within 1 s"}
    for _ in dead:
        socket.create_connection(until_asked.getsockname()).close()
    until_asked.close()


def test_a_name_that_nobody_has_says_so() -> None:
    def look_up(_: str) -> list[Address]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def attempt() -> None:
        await SystemResolver(look_up)("nobody.example.com")

    with pytest.raises(TargetError, match=r"nobody\.example\.com cannot be resolved: Name or service not known"):
        asyncio.run(attempt())


def test_no_more_names_are_looked_up_at_once_than_there_are_threads_for() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def look_up(_: str) -> list[Address]:
        listener.accept()
        return []

    async def attempts() -> None:
        resolver = SystemResolver(look_up, most=2)
        waiting = [asyncio.ensure_future(resolver(name)) for name in ("a.example", "a.example", "b.example")]
        await asyncio.sleep(0)
        with pytest.raises(TargetError, match=r"c\.example has to wait"):
            await resolver("c.example")
        for _ in range(2):  # One for each name.
            socket.create_connection(listener.getsockname()).close()
        assert await asyncio.gather(*waiting) == [[], [], []]

    asyncio.run(attempts())
    listener.close()


@pytest.mark.parametrize(
    ("status", "text", "asked_ms"),
    [
        (503, "120", 120_000),
        (429, "0", 0),
        (503, "soon", 0),
        (503, "-5", 0),
        (503, "9" * 50, 999_999_999_000),
        (500, "120", 0),
        (503, "Thu, 01 Jan 1970 00:00:00 GMT", 0),
        (503, "Mon, 01 Jan 99999999999 00:00:00 GMT", 0),
    ],
)
def test_how_long_a_receiver_asks_to_wait_is_heard_with_429_and_503(
    post: Posting, receiver: Receiver, status: int, text: str, asked_ms: int
) -> None:
    receiver.answer = lambda _: Reply(status, {"Retry-After": text})
    assert post(receiver.port).asked_ms == asked_ms


def test_a_date_to_wait_for_is_counted_from_now(post: Posting, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(503, {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"})
    assert post(receiver.port).asked_ms > 365 * 86_400_000


def test_connections_are_kept_for_the_next_call_and_never_for_another_name(post: Posting, receiver: Receiver) -> None:
    assert post.many(5, receiver.port) == [Answer()] * 5
    assert {one.connection for one in receiver.received} == {1}

    async def both() -> None:
        poster = post.poster()
        for name in (NAME, "other.example.com", NAME):
            assert await poster.post(to(receiver.port, name)) == Answer()
        await poster.close()

    asyncio.run(both())
    assert [one.connection for one in receiver.received[5:]] == [2, 3, 2]


def test_a_kept_connection_that_the_receiver_has_ended_costs_no_attempt(post: Posting, receiver: Receiver) -> None:
    def answer(received: Received) -> Reply:
        if received.connection % 2 and len(receiver.received) % 2 == 0:
            return Reply(raw=lambda _: None)  # Ends it without a word.
        return Reply()

    receiver.answer = answer
    assert post.many(4, receiver.port) == [Answer()] * 4


def test_a_new_connection_that_ends_without_a_word_is_a_failure(post: Posting, receiver: Receiver) -> None:
    receiver.answer = lambda _: Reply(raw=lambda _: None)
    assert post(receiver.port).failure
    assert len(receiver.received) == 1


def test_what_cannot_be_a_header_is_a_failure_that_does_not_tell_it(post: Posting, receiver: Receiver) -> None:
    async def attempt(value: str) -> Answer:
        poster = post.poster()
        request = Request(f"https://{NAME}:{receiver.port}/", (("Authorization", value),), b"{}")
        try:
            return await poster.post(request)
        finally:
            await poster.close()

    for value in ("Basic c2VjcmV0\r\nX: y", "Basic sécret"):
        assert asyncio.run(attempt(value)).failure == "no request can be made of its attributes"
    assert receiver.received == []


def test_cookies_are_not_kept_and_proxies_of_the_environment_not_used(
    post: Posting, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    receiver.answer = lambda _: Reply(headers={"Set-Cookie": "session=1"})
    assert post.many(2, receiver.port) == [Answer()] * 2
    assert [one.header("cookie") for one in receiver.received] == [None, None]
