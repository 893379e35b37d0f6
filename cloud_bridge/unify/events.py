"""What an upload was made for, as data of the moment at which it happened.

An upload names its events (`contract.upload.Event`); one that is told by two uploads, of which the second has what came
after it, is one event of one moment. Of a crash nothing else may be said, so it becomes a sample of a datum of its own,
which is none of the catalogue and published nowhere: records are made of it. All other events are told by the data that
they are made of. The moment may lie before its upload's start. What an upload under full privacy says that happened is
not taken.
"""

from __future__ import annotations

from operator import itemgetter

from cloud_bridge.unify.sample import Sample
from contract.profile.events import CRASH
from contract.upload import Privacy, Upload

CRASHED = "event.crash"
"""The vehicle's own judgement that it was a crash (`agent.sampling.crash`): true at that moment."""


def with_events(samples: list[Sample], upload: Upload) -> list[Sample]:
    """`samples` of `upload`, in ascending time, with its crashes."""
    if upload.privacy is Privacy.FULL:
        return samples
    crashes = {Sample(event.at_ms, CRASHED, True) for event in upload.events if event.name == CRASH}
    return sorted([*samples, *crashes], key=itemgetter(0, 1)) if crashes else samples
