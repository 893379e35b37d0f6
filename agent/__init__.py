"""The vehicle side: CAN frames in, numbered uploads out.

What is loaded for settings and structs (msgspec) takes two functions from `typing_extensions` where that is installed,
and otherwise the same two from Python itself. It is installed with python-can, and brings much that nothing here uses:
a tenth of a start's CPU. So it is not there while msgspec is loaded.
"""

from __future__ import annotations

import sys

_EXTENSIONS = "typing_extensions"

if "msgspec" not in sys.modules and _EXTENSIONS not in sys.modules:
    vars(sys)["modules"][_EXTENSIONS] = None
    import msgspec  # noqa: F401

    del sys.modules[_EXTENSIONS]
