"""A message of an edge node as the host took it: topic, payload, and how it came."""

from dataclasses import dataclass

from ingest.sparkplug.payload import Payload
from ingest.sparkplug.topic import SparkplugTopic


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One delivered message whose payload could be read."""

    topic: SparkplugTopic
    payload: Payload
    received_us: int
    number: int  # the host's own; effects name the message by it
    retained: bool = False
    qos: int = 0
