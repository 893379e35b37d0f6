"""Two boxes with one identity are noticed, by the bridge and by the boxes, and named."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.settings.uplink import UplinkSettings
from agent.uplink.uplink import Uplink
from cloud_bridge.clock import clock_ms
from cloud_bridge.identity.doubles import LATELY_MS, SLACK_MS, Double, DoublesWatch, doubles
from cloud_bridge.ingest.ingest import Delivery, Ingest
from cloud_bridge.storage import Storage
from cloud_bridge.store.port.boots import Lived
from contract.configuration import Duration
from contract.topics import MANIFEST, UP, topic
from contract.upload import Anchor, AnchorSource
from tests.agent.bridge import eventually
from tests.cloud_bridge.identity.yard import Box, Yard
from tests.cloud_bridge.vehicle import MANIFEST_BODY, VIN, Boot

ONE, OTHER = b"\x0a" * 8, b"\x0b" * 8
MINUTE_MS = 60_000


def lived(kernel: bytes, from_min: float, to_min: float, uncertainty_ms: int = 0) -> Lived:
    return Lived(kernel, round(from_min * MINUTE_MS), round(to_min * MINUTE_MS), uncertainty_ms)


def test_boots_one_after_the_other_are_of_one_box() -> None:
    assert doubles([lived(ONE, 0, 10), lived(OTHER, 10, 20), lived(b"\x0c" * 8, 20.1, 30)]) == []


def test_boots_of_the_same_time_are_of_two() -> None:
    assert doubles([lived(OTHER, 5, 20), lived(ONE, 0, 10)]) == [
        Double((ONE.hex(), OTHER.hex()), 5 * MINUTE_MS, 10 * MINUTE_MS)
    ]


def test_what_the_uncertainty_of_their_dates_explains_is_no_second_box() -> None:
    one, other = lived(ONE, 0, 10), lived(OTHER, 8, 20)
    assert doubles([one, other])
    assert not doubles([one._replace(uncertainty_ms=30_000), other._replace(uncertainty_ms=30_000)])


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=8, unique=True).map(sorted))
def test_no_life_of_a_single_box_looks_like_two(times: list[int]) -> None:
    boots = [lived(bytes([at % 256, at // 256]) * 4, at, until) for at, until in pairwise(times)]
    late = [boot._replace(to_ms=boot.to_ms + SLACK_MS) for boot in boots]
    assert doubles(boots) == doubles(late) == []


def send(storage: Storage, kernel: bytes, minutes_ago: int, uploads: int) -> None:
    """Uploads of ten seconds each, of a box that booted so long ago."""
    anchor = Anchor(0, clock_ms() - minutes_ago * MINUTE_MS, 50, AnchorSource.GNSS)
    boot = Boot(kernel + bytes(8), anchor=anchor)
    batch = [Delivery(topic(VIN, UP), boot.payload(sequence)) for sequence in range(uploads)]
    Ingest(storage.receiving, clock_ms).commit([*batch, Delivery(topic(VIN, MANIFEST), MANIFEST_BODY)])
    storage.deriver.sweep()


def test_the_bridge_names_two_boxes_once_in_its_log_and_in_its_list(
    yard: Yard, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = yard.storage()
    watch = DoublesWatch(storage.boots, clock_ms, pytest.fail)
    send(storage, ONE, minutes_ago=60, uploads=60)
    send(storage, b"\x0c" * 8, minutes_ago=30, uploads=60)
    watch.look()
    assert "two boxes" not in caplog.text  # The second boot of one box.
    send(storage, OTHER, minutes_ago=25, uploads=60)
    for _ in range(2):
        watch.look()
    (said,) = [record.getMessage() for record in caplog.records if "two boxes" in record.getMessage()]
    assert said.startswith(f"vehicle {VIN}: two boxes have its identity; the boots {OTHER.hex()} and {'0c' * 8}")
    assert yard.run("vehicle", "list", "--json") == 0
    (vehicle,) = [one for one in json.loads(capsys.readouterr().out) if one["vin"] == VIN]
    (double,) = vehicle["twoBoxes"]
    assert double["boots"] == [OTHER.hex(), "0c" * 8]
    assert double["from"] < double["until"]
    assert yard.run("vehicle", "list") == 0
    assert f"{OTHER.hex()} and {'0c' * 8}" in capsys.readouterr().out
    assert storage.boots.lived(VIN, clock_ms() + LATELY_MS) == []
    storage.close()


class TakingOver:
    """A broker that gives the first connection to somebody else at once, and says so as MQTT 5 does."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        line, _ = self._listener.accept()
        with line:
            line.recv(4096)  # CONNECT
            line.sendall(b"\x20\x03\x00\x00\x00")
            subscribe = line.recv(4096)
            line.sendall(b"\x90\x04" + subscribe[2:4] + b"\x00\x01")
            line.sendall(b"\xe0\x01\x8e")


def test_a_box_says_that_another_one_has_its_identity(tmp_path: Path) -> None:
    broker = TakingOver()
    settings = UplinkSettings(
        brokers=(f"127.0.0.1:{broker.port}",), first_backoff=Duration(60_000), longest_backoff=Duration(60_000)
    )
    with (
        Journal(tmp_path / "journal", time.monotonic) as journal,
        Uplink(VIN, settings, journal, Manifests(tmp_path / "manifests"), time.monotonic) as lifted,
    ):
        said = f"another box is connected as {VIN}: two have one identity"
        assert eventually(lambda: said in lifted.failure, 30), lifted.failure
    broker.close()


def test_of_a_broker_that_says_nothing_a_box_learns_that_another_one_may_have_its_identity(open_yard: Yard) -> None:
    """As mosquitto does in Debian bookworm: it hangs up on the box that was there before."""
    box = open_yard.enrolled(VIN)
    with uplink(open_yard, box, "first") as first, uplink(open_yard, box, "copy") as copy:
        assert eventually(lambda: f"another box is connected as {VIN}" in first.failure, 60), first.failure
        assert copy.failure == ""


@contextmanager
def uplink(yard: Yard, box: Box, name: str) -> Iterator[Uplink]:
    """Connected, and once it is thrown out it stays away for long."""
    settings = UplinkSettings(
        brokers=(f"localhost:{yard.vehicles_port}",), tls=box.tls,
        first_backoff=Duration(3_600_000), longest_backoff=Duration(3_600_000),
    )  # fmt: skip
    with (
        Journal(box.folder / name / "journal", time.monotonic) as journal,
        Uplink(
            VIN, settings, journal, Manifests(box.folder / name / "manifests"), time.monotonic, utc_ms=clock_ms
        ) as lifted,
    ):
        assert eventually(lambda: lifted.connected, 60)
        yield lifted
