"""What is pending in the journal when privacy sets in: held to the new state like what is being collected.

    GEOLOCATION  every pending upload is written anew without its positions, and says so (key 14)
    FULL         every pending upload is deleted, and named in the ledger with the reason `privacy`

Of an upload that was collected under another profile only those signals and events stay that the profile of now knows.
One that cannot be read without its manifest, or at all, is deleted too: nobody knows what it says. The segments
are replaced as wholes, so nothing of the old content is in the journal's files afterwards; what a flash disk keeps of
deleted blocks is out of reach. What a broker was handed before the change is as well.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from agent.journal.segments import Key
from agent.lifting import Lifting
from agent.plan.plan import Plan
from agent.privacy.guard import strictest
from agent.privacy.redaction import Redaction, redaction_of
from contract.manifest import decode_manifest
from contract.upload import Privacy, decode_upload, encode_upload, read_header
from contract.wire import WireError

log = logging.getLogger(__name__)

REASON = "privacy"


class Manifests(Protocol):
    def get(self, manifest: bytes) -> bytes | None: ...


def pending_remover(lift: Lifting, plan: Plan) -> Callable[[Privacy], bool]:
    """For `agent.privacy.enforcing.Enforcing`."""
    redaction = redaction_of(plan)

    def remove(state: Privacy) -> bool:
        return lift.journal.rewrite(
            lambda key, payload: held_to(state, key, payload, redaction, lift.manifests), REASON
        )

    return remove


def held_to(state: Privacy, key: Key, payload: bytes, redaction: Redaction, manifests: Manifests) -> bytes | None:
    """What a pending upload may still say; None for nothing."""
    if state is Privacy.NONE:
        return payload
    if state is Privacy.FULL:
        return None
    try:
        encoded = manifests.get(read_header(payload).manifest)
        if encoded is None:
            return None
        manifest = decode_manifest(encoded)
        upload = redaction.without_positions(decode_upload(payload, manifest), manifest)
        return encode_upload(replace(upload, privacy=strictest(upload.privacy, state)), manifest)
    except WireError as wrong:
        log.warning("upload %d of boot %s cannot be read: %s", key.sequence, key.boot.hex(), wrong)
        return None
