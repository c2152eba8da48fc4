"""A stage that does nothing but what the stack must make possible: sign in, announce itself, answer over HTTP.

Run as `python stub_stage.py NAME`; what it was given is printed to its log as one line of JSON.
"""

import http.server
import json
import os
import signal
import socket
import sys
from pathlib import Path

import psycopg

from batchwitness.embedded.stage import announce


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()


def main(name: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(f"{name} was asked to stop"))
    with psycopg.connect() as connection:  # by PG* variables alone
        user = connection.execute("SELECT current_user").fetchone()
    broker = (os.environ["BATCHWITNESS_MQTT_HOST"], int(os.environ["BATCHWITNESS_MQTT_PORT"]))
    socket.create_connection(broker).close()
    password_file = os.environ.get("BATCHWITNESS_MQTT_PASSWORD_FILE")
    given = {"user": user, "mqtt_password": bool(password_file and Path(password_file).read_text())}
    sys.stdout.write(json.dumps(given) + "\n")
    announce()
    port = int(os.environ["BATCHWITNESS_API_PORT"]) if name == "api" else 0
    http.server.HTTPServer(("127.0.0.1", port), Health).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
