"""The vehicle profiles that come with canlift, and the databases that they name.

In a checkout they are `config/vehicles` and `dbc`. An installed package holds both, laid out alike, in
`contract/data` (pyproject.toml puts them there), so that the profiles' relative paths to the databases hold.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "data"

PROFILES = (_INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent) / "config" / "vehicles"
"""One `<model>.toml` each."""
