"""The API as a process."""

import uvicorn

from api.app import create_app
from api.database import make_pool
from api.settings import ApiSettings


def run() -> int:
    """Serve until SIGTERM or SIGINT; returns the exit status."""
    settings = ApiSettings()
    app = create_app(make_pool(), settings)
    uvicorn.run(
        app,
        host=settings.api_host,
        port=settings.api_port,
        server_header=False,
        access_log=False,
        proxy_headers=False,  # whoever connects from this machine could name any address
        timeout_graceful_shutdown=5,
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(run())
