"""The units as they are now."""

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from api.board import Tile, read_board
from api.database import Reading
from api.nodes import SilentNode

router = APIRouter(tags=["units"])


class Units(BaseModel):
    """The board and the plant's time it was judged at."""

    plant_now: datetime
    tick_age_s: float | None
    units: list[Tile]
    silent_nodes: list[SilentNode]  # each one with all its units


@router.get("/units")
def units_now(connection: Reading) -> Units:
    """Every unit now: what runs there, until when there is data, and what to do next."""
    board = read_board(connection)
    return Units(
        plant_now=board.clock.now,
        tick_age_s=board.clock.tick_age_s,
        units=board.tiles,
        silent_nodes=board.silent_nodes,
    )
