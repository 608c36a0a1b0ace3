"""JSON columns."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from dialer.domain.plain import plain_json


class Stored(TypeDecorator[Any]):
    """JSONB that takes any text: a settlement must not fail by a character that PostgreSQL refuses (U+0000)."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """See `TypeDecorator`."""
        return plain_json(value)
