"""An edge node of pysparkplug that does what JSON lines on its standard input tell it.

It runs in an environment of its own: pysparkplug needs an older paho than Batchwitness. The first line says where and
who; it reports what it did and what it was asked for, one JSON line each. When its standard input ends it is gone at
once, without a word to the broker.
"""

import json
import os
import queue
import socket
import sys
import threading
import time
from typing import Any

import pysparkplug

REBIRTH = "Node Control/Rebirth"


def report(what: dict[str, Any]) -> None:
    """One line, at once."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def metric(said: dict[str, Any]) -> pysparkplug.Metric:
    """As the library has it."""
    return pysparkplug.Metric(
        timestamp=said["time"],
        name=said["name"],
        datatype=pysparkplug.DataType[said["type"].upper()],
        value=said["value"],
        is_historical=said.get("historical", False),
    )


def main() -> None:
    """Do one thing after the other."""
    told: queue.Queue[dict[str, Any]] = queue.Queue()
    site = json.loads(sys.stdin.readline())
    control = pysparkplug.Metric(
        timestamp=int(time.time() * 1000), name=REBIRTH, datatype=pysparkplug.DataType.BOOLEAN, value=False
    )

    def on_command(_edge: pysparkplug.EdgeNode, message: pysparkplug.Message) -> None:
        if any(one.name == REBIRTH and one.value is True for one in message.payload.metrics):
            report({"asked": True})
            told.put({"birth": None})

    client = pysparkplug.Client(
        client_id=site["node"],
        username=site["user"],
        password=site["password"],
        client_options=pysparkplug.ClientOptions(reconnection_delay_min=1),
    )
    edge = pysparkplug.EdgeNode(site["group"], site["node"], [control], client=client, cmd_callback=on_command)
    edge.register(pysparkplug.Device(site["device"], [metric(one) for one in site["metrics"]]))
    edge.connect(site["host"], port=site["port"])

    def read() -> None:
        for line in sys.stdin:
            told.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        ((what, how),) = told.get().items()
        match what:
            case "data":
                edge.update_device(site["device"], [metric(one) for one in how])
            case "lose":
                edge._seq  # noqa: B018 - a number that is never seen
            case "end_device":
                edge.deregister(site["device"])
            case "cut":  # the library connects again by itself
                client._client.socket().shutdown(socket.SHUT_RDWR)
            case "birth":  # it can publish births by connecting alone
                edge.disconnect()
                edge.connect(site["host"], port=site["port"])
            case "leave":
                edge.disconnect()
        report({"done": what})


if __name__ == "__main__":
    main()
