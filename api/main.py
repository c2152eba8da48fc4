"""The API as a process."""

from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.database import make_pool
from api.settings import ApiSettings


def run() -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status."""
    settings = ApiSettings()
    server = make_server(create_app(make_pool(), settings), settings)
    with suppress(KeyboardInterrupt):  # SIGINT comes again once everything is answered
        server.run()
    return 0 if server.started else 1


def make_server(app: FastAPI, settings: ApiSettings) -> uvicorn.Server:
    """The server of an app as it faces the network."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.api_host,
            port=settings.api_port,
            server_header=False,
            access_log=False,
            proxy_headers=False,  # whoever connects from this machine could name any address
            timeout_graceful_shutdown=5,
        )
    )


if __name__ == "__main__":
    raise SystemExit(run())
