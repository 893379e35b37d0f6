"""The sections that are read from parts which know nothing of health."""

from __future__ import annotations

import time
from pathlib import Path

from agent.bus.losses import Losses
from agent.clocks.calendar import Calendar
from agent.gnss.source import Fixes
from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.journal.segments import Key, Priority
from agent.live.health import clock_health, gnss_health, journal_health, modem_health, uplink_health
from agent.modem.modem import Modem
from agent.settings.gnss import GnssSettings
from agent.settings.uplink import UplinkSettings
from agent.uplink.orders import Orders
from agent.uplink.uplink import Uplink
from contract.actions import Horn
from contract.anchor import Anchor, AnchorSource
from contract.command import Command, encode_command
from contract.upload import Privacy
from tests.agent.bridge import eventually
from tests.agent.gnss.test_nmea import gga, rmc
from tests.agent.gnss.test_receiver import Port
from tests.agent.modem import responder

UTC_MS = 1_800_000_000_000


def test_times_that_are_not_believed_are_counted_by_who_said_them() -> None:
    calendar = Calendar()
    assert (clock_health(calendar).source, clock_health(calendar).refused) == (None, {})
    calendar.offer(Anchor(1000, UTC_MS, 50, AnchorSource.GNSS))
    calendar.offer(Anchor(1000, UTC_MS + 60_000, 100, AnchorSource.SYSTEM))
    health = clock_health(calendar)
    assert (health.source, health.uncertainty_ms, health.refused) == ("gnss", 50, {"system": 1})


def test_a_journal_tells_what_it_wrote_what_it_may_and_what_is_wrong(tmp_path: Path) -> None:
    with Journal(tmp_path / "there", lambda: 0.0, wear_bytes_per_day=24 * 1000) as journal:
        fresh = journal_health(journal, 1 << 20)
        journal.append(Key(bytes(16), 0), bytes(100), Priority.EVENT)
        health = journal_health(journal, 1 << 20)
    assert (fresh.day_bytes, fresh.wear_spent, fresh.trouble, fresh.newer) == (0, False, None, 0)
    assert (health.day_bytes, health.most_day_bytes, health.wear_spent) == (health.written_bytes, 24_000, True)
    (tmp_path / "file").touch()
    with Journal(tmp_path / "file" / "journal", lambda: 0.0) as journal:
        assert journal_health(journal, 1 << 20).trouble == "Not a directory"


def test_a_receiver_is_without_a_fix_since_the_newest_instant_that_had_one() -> None:
    def silent_s() -> float | None:
        health = gnss_health(gnss, now[0])
        assert health is not None
        return health.silent_s

    now = [1000]
    with Port() as port:
        settings = GnssSettings(port=port.name)
        gnss = Fixes(settings, Losses(lambda _: None), lambda: now[0])
        try:

            def instant(at_ms: int, *sentences: str) -> None:
                now[0] = at_ms
                port.says(*sentences)
                assert eventually(lambda: bool(gnss.read(0.2)))

            gnss.read(0)
            assert silent_s() is None
            instant(2000, rmc("050001", "260726"), gga("050001"))
            now[0] = 2500
            assert silent_s() == 0.5
            instant(9000, rmc("050008", "260726", status="V"))
            assert gnss.newest is not None
            assert (gnss.newest.at_ms, gnss.newest.fix) == (9000, None)
            assert silent_s() == 7.0
        finally:
            gnss.close()


def test_what_a_modem_does_not_answer_is_told(tmp_path: Path) -> None:
    with responder.Modem(tmp_path / "modem") as there:
        there.silent = True
        modem = Modem(str(there.link), 115_200, lambda: time.monotonic_ns() // 1_000_000, timeout_s=0.1)
        try:
            assert eventually(lambda: modem.read(0.1) == [] and modem.unanswered > 0)
            there.silent, modem._timeout_s = False, 60  # From now on the machine may be slow.
            assert eventually(lambda: bool(modem.read(0.1)))
        finally:
            modem.close()
    health = modem_health(modem)
    assert health is not None
    assert (health.answering, health.sim, health.unanswered, health.recovered) == (True, "READY", 1, 1)


def test_commands_that_could_not_be_read_or_kept_are_told(tmp_path: Path) -> None:
    orders = Orders("VR3CANL1FT0000001", privacy=True, actions=True)
    orders.receive(b"no command")
    for number in range(20):
        asked = Command(number.to_bytes(16, "big"), "VR3CANL1FT0000001", 1_700_000_000_000, Privacy.FULL)
        orders.receive(encode_command(asked))
    orders.receive(encode_command(Command(bytes(16), "VR3CANL1FT0000001", 0, Horn(on=True)), bytes(32)))
    with Journal(tmp_path / "journal", lambda: 0.0) as journal:
        manifests = Manifests(tmp_path / "manifests")
        uplink = Uplink("VR3CANL1FT0000001", UplinkSettings(), journal, manifests, lambda: 0.0, orders=orders)
        uplink.counters.unreadable_receipts = 2
        uplink.stop()
    health = uplink_health(uplink)
    # The answer to what nobody signed is left out: it would have the id of a command that is obeyed.
    assert (health.unreadable, health.untrusted, health.dropped) == (3, 1, 5)
