"""The units as they are now."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from api.board import Tile, read_board
from api.database import Reading

router = APIRouter(tags=["units"])


class Units(BaseModel):
    """The board and the plant's time it was judged at."""

    plant_now: datetime
    tick_age_s: float | None
    units: list[Tile]


@router.get("/units")
def units_now(connection: Reading) -> Units:
    """Every unit now: what runs there, until when there is data, and what to do next."""
    clock, tiles = read_board(connection)
    return Units(plant_now=clock.now, tick_age_s=clock.tick_age_s, units=tiles)
