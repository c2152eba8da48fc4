"""A loopback server with the few routes of Grafana's HTTP API that we use; it records what it is asked.

No Grafana: it knows only what Grafana's documentation says these routes answer.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "service-account-token-of-this-test"


@dataclass(slots=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    authorization: str | None
    body: Any


@dataclass(slots=True)
class GrafanaStub:
    """What this Grafana has, which a test may change, and what it was asked."""

    url: str = ""
    health: dict[str, Any] = field(default_factory=lambda: {"database": "ok", "version": "12.4.10"})
    sources: dict[str, dict[str, Any]] = field(default_factory=dict)  # health by uid
    dashboards: dict[str, dict[str, Any]] = field(default_factory=dict)  # answers by uid
    annotations: list[dict[str, Any]] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> tuple[int, Any]:
        """Status and body for a request."""
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["api", "health"]:
                return 200, self.health
            case _ if request.authorization != f"Bearer {TOKEN}":
                return 401, {"message": "Unauthorized"}
            case "GET", ["api", "datasources", "uid", uid, "health"]:
                return (200, self.sources[uid]) if uid in self.sources else (404, {"message": "Data source not found"})
            case "GET", ["api", "dashboards", "uid", uid]:
                return (200, self.dashboards[uid]) if uid in self.dashboards else (404, {"message": "not found"})
            case "GET", ["api", "annotations"]:
                wanted = set(request.query.get("tags", []))
                return 200, [one for one in self.annotations if wanted <= set(one["tags"])]
            case "POST", ["api", "annotations"]:
                self.annotations.append({**request.body, "id": len(self.annotations) + 1})
                return 200, {"id": len(self.annotations), "message": "Annotation added"}
            case "PUT", ["api", "annotations", number]:
                self.annotations[int(number) - 1].update(request.body)
                return 200, {"message": "Annotation updated"}
            case _:
                return 404, {"message": "no such route"}


@contextmanager
def serving_grafana() -> Iterator[GrafanaStub]:
    """Serve on a free port of the loopback until the block ends."""
    stub = GrafanaStub()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            address = urlsplit(self.path)
            length = int(self.headers["Content-Length"] or 0)
            request = Request(
                method=self.command,
                path=address.path,
                query=parse_qs(address.query),
                authorization=self.headers["Authorization"],
                body=json.loads(self.rfile.read(length)) if length else None,
            )
            stub.asked.append(request)
            status, answer = stub.answer(request)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = handle_any

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's word
            """Say nothing: requests are in `asked`."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        stub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
