"""When notifications of a sender are posted, which of them together, and what follows when that fails.

Functions of what waits, of what came of the attempts before, and of the time. What the published policies leave open is
decided in docs/api-decisions.md.

* A call has the oldest that waits; with batches as many of those behind it as there are, up to the size. All
  events of a call have the same attributes: where these name the vehicle the call is about one.
* A batch is due when it is full or its window is over since the oldest was written; what was tried already is due at
  once. A batch that failed is repeated with the same members.
* `None`: what was tried once is given up. `Bounded`: after so many attempts nothing is tried until something new waits;
  then the oldest is tried again. `Always`: again and again. No attempt comes earlier than the receiver asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from itertools import islice, takewhile

from cloud_bridge.notify.attributes import apart, values
from cloud_bridge.notify.sender import Sender
from cloud_bridge.store.port.outbox import Attempted, Head, Kept, Trouble

KEPT_MS = 3 * 86_400_000
"""What was not delivered in this time is given up."""
LONGEST_ASKED_MS = 3_600_000
"""A receiver may ask for so much patience."""
MOST_OF_A_CALL = 1000
LARGEST_CALL = 1_000_000
"""Events of a call, and octets of these; a single event may be larger."""


def size_of(sender: Sender) -> int:
    """Events of one call, most."""
    if sender.batch is None or apart(sender):
        return 1
    return min(sender.batch.size, MOST_OF_A_CALL)


def due_ms(sender: Sender, head: Head, trouble: Trouble | None) -> int | None:
    """When the oldest are to be posted; None: not before something new waits. `head` counts up to `size_of`."""
    oldest = head.oldest
    at_ms = oldest.created_at_ms
    is_new = not oldest.attempts and oldest.batch is None
    if sender.batch is not None and is_new and head.number < size_of(sender):
        at_ms += sender.batch.window_ms
    if trouble is None:
        return at_ms
    if trouble.newer_than is not None and head.newest <= trouble.newer_than:
        return None
    return max(at_ms, trouble.next_attempt_ms)


def together(sender: Sender, waiting: Sequence[Kept]) -> list[Kept]:
    """Those of `waiting` that go in the next call."""
    oldest = waiting[0]
    if oldest.batch is not None:
        return list(takewhile(lambda one: one.batch == oldest.batch, waiting))
    mine = values(sender, oldest.notification)
    alike = takewhile(lambda one: one.batch is None and values(sender, one.notification) == mine, waiting)
    call: list[Kept] = []
    room = LARGEST_CALL
    for one in islice(alike, size_of(sender)):
        room -= len(one.notification.body)
        if call and room < 0:
            break
        call.append(one)
    return call


def call_id(call: Sequence[Kept]) -> str:
    """The same for the same notifications: 32 hex digits."""
    if len(call) == 1:
        return call[0].notification.id
    return sha256("\n".join(one.notification.id for one in call).encode()).hexdigest()[:32]


def delivered(sender: Sender, call: Sequence[Kept]) -> Attempted:
    return Attempted(sender.id, _ids(call))


def failed(
    sender: Sender,
    call: Sequence[Kept],
    failure: str,
    *,
    trouble: Trouble | None,
    newest: int,
    asked_ms: int,
    now_ms: int,
) -> Attempted:
    """What follows. `trouble`: what there was before; `newest`: the largest number that waits; `asked_ms`: how long the
    receiver asked to wait."""
    asked_ms = min(asked_ms, LONGEST_ASKED_MS)
    failures = 1 if trouble is None else trouble.failures + 1
    since_ms = now_ms if trouble is None else trouble.since_ms
    if sender.retry.policy == "None":
        after = Trouble(sender.id, failures, 1, since_ms, now_ms + asked_ms)
        return Attempted(sender.id, _ids(call), after, failure, dead=True)
    tries = 1 if trouble is None or trouble.newer_than is not None else trouble.tries + 1
    over = sender.retry.policy == "Bounded" and tries >= sender.retry.number
    next_ms = now_ms + max(sender.retry.delay_ms, asked_ms)
    after = Trouble(sender.id, failures, tries, since_ms, next_ms, newest if over else None)
    return Attempted(sender.id, _ids(call), after, failure)


def _ids(call: Sequence[Kept]) -> tuple[str, ...]:
    return tuple(one.notification.id for one in call)
