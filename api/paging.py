"""Cursor paging: a page says where the next one starts."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from pydantic import BaseModel

Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """Some items, newest first, and the cursor of the next page; null on the last."""

    items: list[Item]
    next_cursor: int | None


def page(items: Sequence[Item], keys: Sequence[int], limit: int) -> Page[Item]:
    """The page of at most `limit` of `items`, of which one more was asked for; `keys` are their cursors."""
    more = len(items) > limit
    return Page(items=list(items[:limit]), next_cursor=keys[limit - 1] if more else None)
