"""An operation of the API, declared: its path, its parameters, its documents and the function that does it.

The one declaration drives the routing, the parsing of queries and bodies and the OpenAPI document, so these cannot say
different things. A path has one operation that reads it (`GET`), some that write (`POST`, `PUT`, `DELETE`), or both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec
from starlette.routing import compile_path

from cloud_bridge.api.documents import Document
from cloud_bridge.api.errors import Code, RefusedError
from cloud_bridge.api.parameters import INDEX_RANGE, PAGE_TOKEN, Parameter
from cloud_bridge.records.model import Json
from cloud_bridge.shapes.ids import EXPECTED, ID_PATTERN, is_id
from contract.topics import VIN_PATTERN, is_vin

if TYPE_CHECKING:
    from cloud_bridge.api.call import Call, Command

HAL = "application/hal+json"
GEO = "application/vnd.geo+json"
EXPECTED_VIN = "a VIN: 17 digits and capital letters, without I, O and Q"

PATH_IDS = {
    "fid": "Id of a fleet that the client may see.",
    "vid": "Id of a vehicle in the fleet; not its VIN.",
    "vin": "VIN of a vehicle that is in a fleet which the client may see.",
    "tid": "Id of a trip of the vehicle.",
    "aid": "Id of the alert or alarm.",
    "cid": "Id of a collision.",
    "sid": "Id of a theft.",
    "cbid": "Id of a remote callback of the fleet.",
    "rid": "Id of a remote action.",
    "mid": "Id of a monitor of the fleet.",
}


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    path: str
    """Below the base path, with `{fid}` and its like."""
    id: str
    """Its `operationId`, as published."""
    summary: str
    tag: Literal["Capabilities", "Fleet", "Vehicles", "Trips", "Monitors", "Remote"]

    @property
    def path_ids(self) -> tuple[str, ...]:
        return tuple(compile_path(self.path)[2])


@dataclass(frozen=True, slots=True, eq=False)
class Read(Operation):
    """`GET`, and so `HEAD`."""

    document: type[Document]
    """The type that describes its answers."""
    read: Callable[[Call], Document | Json]
    parameters: tuple[Parameter[object], ...] = ()
    page_size: Parameter[int] | None = None
    """Its page size parameter, for a collection."""
    index_range: bool = False
    page_length: int = 0
    """Of a collection that has no parameters of paging, as published: its pages are found by its links only."""
    media_type: str = HAL
    deprecated: bool = False
    """As published."""

    @property
    def all_parameters(self) -> tuple[Parameter[object], ...]:
        """Its own parameters and those of paging, as published."""
        if self.page_size is None:
            return self.parameters
        paging: list[Parameter[object]] = [INDEX_RANGE] if self.index_range else []
        return (*self.parameters, *paging, self.page_size, PAGE_TOKEN)

    @property
    def understood(self) -> tuple[Parameter[object], ...]:
        """All parameters that may come, those of its own links included."""
        return (*self.all_parameters, PAGE_TOKEN) if self.page_length else self.all_parameters

    @property
    def is_collection(self) -> bool:
        return self.page_size is not None or self.page_length > 0

    @property
    def is_of_whole_fleet(self) -> bool:
        """What all vehicles of a fleet said: without those of which that cannot be read."""
        return self.is_collection and self.tag == "Fleet" and self.path_ids == ("fid",)

    @property
    def is_short(self) -> bool:
        """One document of one vehicle: read and made in less time than it takes to hand it to another thread."""
        return not self.is_collection and "vid" in self.path_ids


@dataclass(frozen=True, slots=True, eq=False)
class Write(Operation):
    """`POST`, `PUT` or `DELETE`: done in a thread that may wait, outside of any snapshot."""

    method: Literal["POST", "PUT", "DELETE"]
    status: Literal[200, 202, 204]
    """Of the answer when it was done."""
    do: Callable[[Command], Document | Json | None]
    """None where the answer has no body. May raise RefusedBodyError, which is a 400, and RefusedError."""
    document: type[Document] | None = None
    """The type that describes its answers; None where they have no body."""
    body: type[msgspec.Struct] | None = None
    """The type that describes what is sent, JSON; None where nothing is."""
    conflict: str = ""
    """What a 409 means, where there can be one."""


def by_path(operations: Iterable[Read | Write]) -> dict[str, list[Read | Write]]:
    """In the order in which the paths come first."""
    found: dict[str, list[Read | Write]] = {}
    for operation in operations:
        found.setdefault(operation.path, []).append(operation)
    return found


def path_id_pattern(name: str) -> str:
    """What a path id consists of: all but a VIN are of one form."""
    return VIN_PATTERN if name == "vin" else ID_PATTERN


def check_ids(ids: dict[str, str]) -> None:
    """Raises RefusedError for an id that no resource can have."""
    for name, value in ids.items():
        if name == "vin" and not is_vin(value):
            raise RefusedError(Code.PATH_ID, f"Path id 'vin': found '{value[:80]}', expected {EXPECTED_VIN}.")
        if not is_id(value):
            raise RefusedError(Code.PATH_ID, f"Path id '{name}': found '{value[:80]}', expected {EXPECTED}.")
