"""A real Asterisk that lacks modules, as older releases do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dialer.embedded.asterisk import EmbeddedAsterisk
from dialer.settings import config_dir


@contextmanager
def asterisk_without(folder: Path, *modules: str) -> Iterator[EmbeddedAsterisk]:
    """Started with our configuration but for these lines of modules.conf."""
    config = Path(shutil.copytree(config_dir(), folder / "config"))
    listed = config / "asterisk/modules.conf"
    text = listed.read_text("utf-8")
    for module in modules:
        text, found = re.subn(rf"^load = {module}\.so$", f"noload = {module}.so", text, flags=re.MULTILINE)
        assert found == 1
    listed.write_text(text, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIALER_CONFIG_DIR", str(config))
        with EmbeddedAsterisk(folder / "pbx") as running:
            yield running
