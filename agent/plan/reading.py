"""The program that reads a profile's databases for a service (`agent.plan.apart`): writes what is to be kept of them.

It says nothing of what is wrong: the service then reads them itself, and is told.
"""

from __future__ import annotations

import sys
from pathlib import Path

from agent.databases.loaded import Loaded
from agent.databases.loading import load
from agent.plan.compiling import compile_document
from agent.plan.stored import Databases, encode, key_of
from contract.configuration import ConfigurationError, Document
from contract.profile.profile import profile_in


def prepare(file: Path) -> bytes:
    """Raises ConfigurationError with everything that is wrong, OSError when a file changes meanwhile."""
    databases: Databases = {}

    def read(path: Path) -> Loaded:
        databases[str(path)] = load(path)
        return databases[str(path)]

    document = Document.read(file)
    profile = profile_in(document)
    key = key_of(file, profile)
    _, consulted = compile_document(document, profile, read)
    if key_of(file, profile) != key:
        raise OSError(None, "changed while it was read", str(file))
    return encode(key, databases, consulted)


def _main(file: Path) -> int:
    try:
        sys.stdout.buffer.write(prepare(file))
    except (ConfigurationError, OSError):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1])))
