"""Russian words and phrases read by one woman, 8 kHz: Debian's package asterisk-core-sounds-ru-wav."""

from __future__ import annotations

import subprocess
from pathlib import Path

PACKAGE = "asterisk-core-sounds-ru-wav"
CACHE = Path.home() / ".cache" / "dialer-measure"


def fetch() -> Path:
    """The folder of the unpacked recordings, downloaded with `apt-get download` on the first run; no root is needed.

    Raises CalledProcessError or OSError where the package cannot be had.
    """
    root = CACHE / "sounds"
    if not root.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", PACKAGE], cwd=CACHE, check=True)
        package = next(CACHE.glob(f"{PACKAGE}_*.deb"))
        subprocess.run(["dpkg", "-x", str(package), str(root)], check=True)
    return next(root.rglob("ru_RU_f_IvrvoiceRU"))
