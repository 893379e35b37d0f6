"""A switch that says the privacy: a file, written by a program of the box's or by the kernel (a GPIO line's value).

The file holds one word: a state by its name, or what the settings map to one (`{ "0" = "None", "1" = "Geolocation" }`).
What is none of these, an empty file as well (it is just being written), says nothing: the last word stays.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from agent.disk.small import read_small
from contract.upload import Privacy

log = logging.getLogger(__name__)

_SHOWN = 64


class Switch:
    def __init__(self, file: Path, values: Mapping[str, Privacy] | None = None) -> None:
        self._file = file
        self._values = dict(values) if values else {state.value: state for state in Privacy}
        self._failing = False

    def read(self) -> Privacy | None:
        """What it says; None where it says nothing."""
        try:
            text = read_small(self._file).decode("ascii", "replace").strip()
        except OSError as failure:
            self._fail(failure.strerror or str(failure))
            return None
        except ValueError as longer:
            self._fail(str(longer))
            return None
        word = self._values.get(text)
        if word is None:
            self._fail(f"expected one of {', '.join(self._values)}, found {text[:_SHOWN]!r}")
        else:
            self._failing = False
        return word

    def _fail(self, wrong: str) -> None:
        if not self._failing:
            self._failing = True
            log.warning("privacy switch: %s: %s; its last word stays", self._file, wrong)
