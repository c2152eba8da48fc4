"""How much a request may carry: bytes are counted as they arrive, before anybody has looked at who sends them."""

from http import HTTPStatus

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 64 * 1024  # the longest comment in the longest encoding takes 24 KiB of it


def install(app: FastAPI) -> None:
    """Answer 413 to larger requests of `app`, whatever length they declare or do not declare."""
    app.add_middleware(BodyLimit)


class BodyLimit:
    """Stops reading a request at MOST_BYTES; no more than that and one chunk is ever held."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on what arrives until it is too much."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MOST_BYTES:
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"a request may carry {MOST_BYTES} bytes",
                    headers={"Connection": "close"},
                )
            return message

        await self.app(scope, counted, send)
