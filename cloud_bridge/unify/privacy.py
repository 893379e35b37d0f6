"""The privacy that an upload was collected under, as a datum.

An upload says it once, for all of itself. It is a sample at the first instant at which the upload says anything else,
so that no message is made for it alone; a private upload that says nothing else says it at its beginning. A profile
that has the datum from a signal has it from there.

A vehicle that keeps its places to itself collects none. Should a private upload tell one all the same, it is not taken.
"""

from __future__ import annotations

from collections.abc import Mapping

from cloud_bridge.unify.sample import Sample
from contract.upload import Privacy, Upload

STATE = "privacy.state"
POSITION = "position."


def with_privacy(samples: list[Sample], upload: Upload, mapped: Mapping[str, object]) -> list[Sample]:
    """`samples` of `upload`, in ascending time, with its privacy; `mapped`: what the profile has from signals."""
    if upload.privacy is not Privacy.NONE:
        samples = [sample for sample in samples if not sample.datum.startswith(POSITION)]
    if STATE in mapped or (not samples and upload.privacy is Privacy.NONE):
        return samples
    at_ms = samples[0].at_ms if samples else upload.start_ms
    here = sum(sample.at_ms == at_ms and sample.datum < STATE for sample in samples)
    return [*samples[:here], Sample(at_ms, STATE, upload.privacy.value), *samples[here:]]
