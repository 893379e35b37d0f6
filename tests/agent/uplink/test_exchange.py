"""What is seen from other threads while something of the broker's is taken in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from agent.journal.journal import Journal
from agent.journal.manifests import Manifests
from agent.uplink.counters import Counters
from agent.uplink.dialogue import Dialogue
from agent.uplink.exchange import Exchange
from agent.uplink.happened import Happened
from agent.uplink.orders import Orders
from contract.receipt import Receipt, encode_receipt
from tests.agent.uplink.quick import BOOT, VIN, fill, settings


class Watched(Journal):
    """Somebody looks from another thread as soon as uploads have left it, before anything else is done."""

    look: Callable[[], None]
    looking: threading.Thread

    def acknowledge(self, receipt: Receipt) -> int:
        count = super().acknowledge(receipt)
        self.looking = threading.Thread(target=self.look)
        self.looking.start()
        self.looking.join(0.3)
        return count


def test_nothing_is_settled_while_the_receipt_of_the_last_upload_is_taken_in(
    tmp_path: Path, manifests: Manifests
) -> None:
    seen: list[tuple[bool, int]] = []
    counters = Counters()
    with Watched(tmp_path / "watched", time.monotonic) as journal:
        exchange = Exchange(
            VIN, settings(1), journal, manifests, Dialogue(Orders(VIN), None, None), counters, time.monotonic, None
        )
        journal.look = lambda: seen.append((exchange.settled, counters.receipted))
        fill(journal, range(1))
        wanted = manifests.put(b"a manifest")
        exchange.note(Happened(receipts=[encode_receipt(Receipt(BOOT, (range(1),), wanted=(wanted,)))]))
        journal.looking.join()
    # It also asks for a manifest; and the upload is counted.
    assert seen == [(False, 1)]
