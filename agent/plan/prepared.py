"""The plan of a service: from databases that were read before, by a process of its own.

Reading a large database takes a second or more of a small box and some 40 MB, most of which a process never gives back.
So it is done apart, once for each state of profile, databases and code, and kept (`agent.plan.stored`). What the
service does at each start is to compile the few messages that the profile wants.

Nothing depends on it: where nothing can be kept, the databases are read apart at each start; where no process can be
started, in this one.
"""

from __future__ import annotations

import logging
from pathlib import Path

from agent.databases.loaded import DatabaseError, Loaded
from agent.plan.compiling import compile_document
from agent.plan.plan import Plan
from agent.plan.stored import Databases, Shelf, decode, key_of
from contract.configuration import ConfigurationError, Document
from contract.profile.profile import Profile, profile_in

log = logging.getLogger(__name__)

FOLDER = "plans"
"""Below the state folder."""


def prepared_plan(file: Path, folder: Path) -> Plan:
    """The plan of the profile in `file`; `folder` keeps what its databases say.

    Raises ConfigurationError with everything that is wrong.
    """
    document = Document.read(file)
    profile = profile_in(document)
    shelf = Shelf(folder)
    key = _key(file, profile)
    kept = shelf.get(key) if key is not None else None
    if kept is not None:
        try:
            return _compiled(document, profile, kept)
        except ConfigurationError as wrong:
            log.warning("what %s keeps does not make a plan, the databases are read anew: %s", folder, wrong)
    from agent.plan.apart import read_apart  # Seldom needed, and not small.

    stored = read_apart(file)
    found = decode(stored)
    if found is None or found[0] != key:
        return compile_document(document, profile).plan
    try:
        shelf.put(found[0], stored)
    except OSError as error:
        log.warning("%s: cannot be written: %s; the databases are read at each start", folder, error.strerror)
    return _compiled(document, profile, found[1])


def _key(file: Path, profile: Profile) -> bytes | None:
    """None where a database cannot be read, which the compile step will say."""
    try:
        return key_of(file, profile)
    except OSError:
        return None


def _compiled(document: Document, profile: Profile, databases: Databases) -> Plan:
    def read(path: Path) -> Loaded:
        try:
            return databases[str(path)]
        except KeyError:
            raise DatabaseError(f"{path}: is not among the databases that are kept") from None

    return compile_document(document, profile, read).plan
