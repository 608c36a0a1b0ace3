"""Bearer tokens on the API's requests, and what a caller may see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from dialer.domain.privacy import is_erased, mask_phone
from dialer.web.context import WebContext, context_of
from dialer.web.problems import HttpProblem
from dialer.web.tokens import Scope

_bearer: Final = HTTPBearer(auto_error=False, description="A token of scope read, enqueue or control.")
_SCHEME: Final = {"WWW-Authenticate": 'Bearer realm="dialer"'}

Context = Annotated[WebContext, Depends(context_of)]


def requires(scope: Scope) -> Callable[..., Scope]:
    """A dependency that lets callers of at least `scope` pass and tells what they are."""

    def check(
        request: Request, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None
    ) -> Scope:
        if shown is None:
            raise HttpProblem(401, "send a token: Authorization: Bearer ...", headers=_SCHEME)
        granted = context_of(request).tokens.scope_of(shown.credentials)
        if granted is None:
            raise HttpProblem(401, "this token is not known", headers=_SCHEME)
        if granted < scope:
            raise HttpProblem(403, f"this token's scope is {granted.name.lower()}; {scope.name.lower()} is needed")
        return granted

    return check


Reader = Annotated[Scope, Depends(requires(Scope.READ))]
Enqueuer = Annotated[Scope, Depends(requires(Scope.ENQUEUE))]
Controller = Annotated[Scope, Depends(requires(Scope.CONTROL))]
Unmask = Annotated[bool, Query(description="Show phone numbers in full; needs scope control.")]


def check_unmask(scope: Scope, *, unmask: bool) -> None:
    """Raises HttpProblem 403 when this caller may not see numbers in full."""
    if unmask and scope < Scope.CONTROL:
        raise HttpProblem(403, "unmask=true needs a token of scope control")


def shown_phone(phone: str, scope: Scope, *, unmask: bool) -> str:
    """The number as this caller may see it. Raises HttpProblem 403."""
    check_unmask(scope, unmask=unmask)
    return "erased" if is_erased(phone) else phone if unmask else mask_phone(phone)
