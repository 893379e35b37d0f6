"""The way to the bridge: MQTT.

The MQTT client loads Python's HTTP client, to ask for the proxies that it can go through with the library PySocks and
for nothing else: 2 MB of a small box's memory. So that is loaded when something of it is used, here never.
"""

from __future__ import annotations

import sys
import urllib
from importlib import import_module
from types import ModuleType

_HTTP = "urllib.request"


class _Later(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


if _HTTP not in sys.modules:
    sys.modules[_HTTP] = _Later(_HTTP)
    vars(urllib)["request"] = sys.modules[_HTTP]
