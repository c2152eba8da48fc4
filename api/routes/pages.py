"""The pages for people."""

from fastapi import APIRouter, Request, Response

from api.board import read_board
from api.database import Reading
from api.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/")
def board(request: Request, connection: Reading) -> Response:
    """The board of units; its middle asks for itself again every two seconds."""
    clock, tiles = read_board(connection)
    return render(request, "board.html", clock=clock, tiles=tiles)


@router.get("/board")
def board_tiles(request: Request, connection: Reading) -> Response:
    """The middle of the board."""
    clock, tiles = read_board(connection)
    return render(request, "board_tiles.html", clock=clock, tiles=tiles)
