"""Who is asking, and whether they may: a person's session cookie or a machine's bearer token, and nothing else.

Every router but login, static files and /health is mounted with one of the Access values below; nothing that is not
named there is let through. A person is judged by roles; a machine by roles and by the scope of its token, so a token
for the wall board opens nothing but the wall board. A request that changes something under a cookie must come from
one of our own pages.
"""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from api.database import transaction
from api.problems import NotSignedIn
from records.actors import Actor, actor_of_session, actor_of_token
from records.results import MAY_STATE
from store.errors import NotAllowed

SESSION_COOKIE = "batchwitness_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

_cookie = APIKeyCookie(name=SESSION_COOKIE, scheme_name="session", auto_error=False, description="made by /login")
_bearer = HTTPBearer(scheme_name="token", auto_error=False, description="a machine's token")


def signed_in(
    request: Request,
    secret: Annotated[str | None, Depends(_cookie)],
    token: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Actor:
    """The person or machine behind a request. Raises NotSignedIn, or NotAllowed for a change sent from elsewhere."""
    with transaction(request.app.state.pool, read_only=False) as connection:
        if token is not None:
            actor = actor_of_token(connection, token.credentials)
        elif secret is not None:
            actor = actor_of_session(connection, secret)
        else:
            actor = None
    if actor is None:
        raise NotSignedIn
    if token is None and request.method not in SAFE_METHODS:
        require_own_page(request)
    request.state.actor = actor
    return actor


SignedIn = Annotated[Actor, Depends(signed_in)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may use a route: people with one of `roles`, machines with one of `roles` and a token of one of `scopes`."""

    roles: frozenset[str]
    scopes: frozenset[str]

    def __call__(self, actor: SignedIn) -> Actor:
        """The actor, when they may. Raises NotAllowed."""
        if not self.roles & actor.roles:
            raise NotAllowed(f"{actor.name} has none of the roles {', '.join(sorted(self.roles))}")
        if actor.kind == "machine" and actor.scope not in self.scopes:
            raise NotAllowed(f"the token's scope {actor.scope} does not open this")
        return actor

    def lets(self, actor: Actor) -> bool:
        """Whether they may."""
        try:
            self(actor)
        except NotAllowed:
            return False
        return True


PEOPLE_WHO_READ = frozenset({"viewer", "operator", "msat", "qa", "admin"})
REVIEW = Access(roles=PEOPLE_WHO_READ, scopes=frozenset({"review"}))
FLOOR = Access(roles=PEOPLE_WHO_READ | {"floor"}, scopes=frozenset({"floor", "review"}))
# Decisions are people's: no scope of a token opens them.
ACKNOWLEDGE = Access(roles=frozenset({"operator", "msat", "qa"}), scopes=frozenset())
# Who states results answers for them with a name; a laboratory's machine has a token that opens nothing else.
STATE = Access(roles=MAY_STATE, scopes=frozenset({"results"}))
CORRECT = Access(roles=frozenset({"msat", "qa"}), scopes=frozenset())
# Who describes the plant: what its gateways send is nobody else's matter.
DESCRIBE = Access(roles=frozenset({"msat", "admin"}), scopes=frozenset({"review"}))
APPROVE = Access(roles=frozenset({"qa"}), scopes=frozenset())


def require_own_page(request: Request) -> None:
    """Refuse a change that another site's page made a browser send. Raises NotAllowed."""
    origin = request.headers.get("origin")
    if origin is None or urlsplit(origin).netloc != request.headers.get("host"):
        raise NotAllowed(f"a change must come from a page of this server, not from {origin or 'nowhere'}")
