"""`batchwitness broker-acl`: the broker's access rules that hold publishers and edge nodes to what is theirs.

The rules are mosquitto's (`acl_file`); a publisher's name is its user at the broker: that of the password file, or the
common name of its certificate where the listener says `use_identity_as_username true`. An edge node's user is its id.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import psycopg

from batchwitness.connecting import dsn
from ingest.settings import IngestSettings
from ingest.sparkplug.topic import NAMESPACE
from store.errors import BatchwitnessError, translated
from store.sql import queries

Registration = tuple[str, str, str, str, bool]  # site, area, unit, publisher, allowed
EdgeNodeName = tuple[str, str]  # group, node


def run(var: Path, *, reader: str, host: str) -> int:
    """Print the rules; 1 when the record cannot be read."""
    prefix = IngestSettings().topic_prefix
    try:
        with translated(), psycopg.connect(dsn(var, "readonly")) as connection:
            registrations = connection.execute(queries("masterdata")["publishers"]).fetchall()
            nodes = connection.execute(queries("masterdata")["edge_nodes"]).fetchall()
    except BatchwitnessError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(rules(registrations, nodes, prefix=prefix, reader=reader, host=host))
    return 0


def rules(
    registrations: Iterable[Registration], nodes: Iterable[EdgeNodeName], *, prefix: str, reader: str, host: str
) -> str:
    """An acl_file: `reader` hears everything and says nothing, each publisher says what it may and hears nothing.

    The Sparkplug `host` hears all edge nodes, says its STATE and asks for births; each edge node speaks for itself and
    hears the commands to it and every STATE. Who is not named in an acl_file may do nothing.
    """
    may: dict[str, list[str]] = {reader: [f"topic read {prefix}/#"]}
    for site, area, unit, publisher, allowed in registrations:
        if allowed:
            may.setdefault(publisher, []).append(f"topic write {prefix}/{site}/{area}/{unit}/#")
    for number, (group, node) in enumerate(nodes):
        if number == 0:
            may.setdefault(host, []).extend(
                [
                    f"topic read {NAMESPACE}/#",
                    f"topic write {NAMESPACE}/STATE/+",
                    f"topic write {NAMESPACE}/+/NCMD/+",
                ]
            )
        may.setdefault(node, []).extend(
            [
                f"topic write {NAMESPACE}/{group}/+/{node}/#",
                f"topic read {NAMESPACE}/{group}/NCMD/{node}",
                f"topic read {NAMESPACE}/{group}/DCMD/{node}/+",
                f"topic read {NAMESPACE}/STATE/+",
            ]
        )
    return "\n\n".join("\n".join([f"user {user}", *dict.fromkeys(lines)]) for user, lines in may.items()) + "\n"
