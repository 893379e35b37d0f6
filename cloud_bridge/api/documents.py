"""What the HAL documents are made of: links, and the frame that every collection shares.

Attributes are snake_case here and camelCase in the documents. What is not known is `UNSET` and left out; nothing is
ever `null`.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

DateTime = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC."""

Url = Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})]


T = TypeVar("T")


def known(value: T | None) -> T | UnsetType:
    """The field of a value that may not be known: then it is left out."""
    return UNSET if value is None else value


class Document(msgspec.Struct, rename="camel"):
    """An object of the API."""


class Link(Document):
    """A HAL link; `templated` marks an RFC 6570 template."""

    href: Url
    templated: bool | UnsetType = UNSET


class CollectionLinks(Document, kw_only=True):
    """Links of a page; `next` and `prev` only where there is such a page."""

    self: Link
    first: Link
    next: Link | UnsetType = UNSET
    prev: Link | UnsetType = UNSET
    last: Link


class Collection(Document, kw_only=True):
    """A page of a collection. `total` counts the elements of the whole result; `currentPage` starts at 1."""

    links: CollectionLinks = msgspec.field(name="_links")
    total: int
    total_page: int
    current_page: int
