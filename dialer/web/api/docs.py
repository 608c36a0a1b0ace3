"""The page to try the API, from the OpenAPI document and files on this machine: nothing comes from elsewhere."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse

from dialer.errors import NotFoundError

router: Final = APIRouter(include_in_schema=False)
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Dialer API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="/static/icon.svg" type="image/svg+xml">
</head>
<body>
<main id="docs"></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/static/docs.js"></script>
</body>
</html>
"""
_TYPES: Final = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


def _folder() -> Path:
    """Where the `fastapi-offline` wheel keeps Swagger UI; the package itself is not imported."""
    found = find_spec("fastapi_offline")
    if found is None or found.origin is None:
        raise NotFoundError("the try-it page needs the fastapi-offline package; /openapi.json is there without it")
    return Path(found.origin).parent / "static"


@router.get("/docs")
def docs() -> HTMLResponse:
    """Swagger UI."""
    _folder()
    return HTMLResponse(_PAGE)


@router.get("/docs/{name}")
def asset(name: str) -> FileResponse:
    """Its files."""
    if name not in _TYPES:
        raise NotFoundError("no such file")
    return FileResponse(_folder() / name, media_type=_TYPES[name], headers={"Cache-Control": "max-age=86400"})
