"""What readers get in pages is the whole in pieces."""

from __future__ import annotations

from tests.cloud_bridge.conftest import Cloud
from tests.cloud_bridge.deriving.derived import ALWAYS, BOOT, KINDS, drive
from tests.cloud_bridge.vehicle import EPOCH_MS, VIN, encode


def test_pages_of_telemetry_are_the_whole_in_pieces(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(*map(encode, drive()))
    for kinds in (frozenset({"vehicle"}), frozenset({"vehicle.doorsState"}), KINDS):
        for within in (ALWAYS, [(EPOCH_MS + 12_345, EPOCH_MS + 99_000), (EPOCH_MS + 90_000, EPOCH_MS + 111_000)]):
            total, everything = cloud.reader.messages(VIN, within, kinds, 0, 1 << 30)
            assert everything == [
                message
                for message in cloud.reader.messages(VIN, ALWAYS, kinds, 0, 1 << 30)[1]
                if any(start <= message.at_ms < end for start, end in within)
            ]
            assert total == len(everything) > 0
            for size in (1, 7):
                pages = [cloud.reader.messages(VIN, within, kinds, offset, size) for offset in range(0, total, size)]
                assert [message for _, page in pages for message in page] == everything
                assert {count for count, _ in pages} == {total}
            assert len({one.at_ms for one in everything}) == total


def test_pages_of_positions_are_the_whole_in_pieces(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(*map(encode, drive()))
    for within in (ALWAYS, [(EPOCH_MS + 12_345, EPOCH_MS + 61_000), (EPOCH_MS + 90_000, EPOCH_MS + 111_000)]):
        everything = cloud.reader.positions(VIN, within)
        total = len(everything)
        for size in (1, 7):
            pages = [cloud.reader.page_of_positions(VIN, within, offset, size) for offset in range(0, total, size)]
            assert [position for _, page in pages for position in page] == everything
            assert {count for count, _ in pages} == {total}


def test_a_page_of_positions_opens_what_it_shows_and_no_more(cloud: Cloud) -> None:
    cloud.send_manifest()
    cloud.send(*map(BOOT.payload, range(10)))
    cloud.deriver.derive(VIN)
    asked: list[str] = []
    with cloud.reader.snapshot(), cloud.database.read() as connection:
        connection.set_trace_callback(asked.append)
        total, page = cloud.reader.page_of_positions(VIN, ALWAYS, 55, 5)
        connection.set_trace_callback(None)
    assert (total, len(page)) == (100, 5)
    assert sum(one.startswith("SELECT body FROM chunk") for one in asked) == 1
