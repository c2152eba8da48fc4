"""People to act in tests that need no password."""

from records.actors import Actor, ActorKind
from store.model.ids import ActorId


def somebody(*roles: str, name: str = "mara") -> Actor:
    """A person with these roles."""
    return Actor(
        actor_id=ActorId(1),
        name=name,
        printed_name=name.title(),
        kind=ActorKind.PERSON,
        roles=frozenset(roles),
        scope=None,
    )
