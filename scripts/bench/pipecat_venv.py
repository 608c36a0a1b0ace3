"""Pipecat's virtual environment: apart from the project's own, which does not depend on it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path("out/bench/pipecat-venv")
#: Its own defaults come with the core package; uvloop because we run on it too.
REQUIREMENTS = ("pipecat-ai==1.14.0", "onnxruntime==1.32.0", "numpy==2.4.6", "uvloop==0.23.0")
_LIMIT_S = 600


def python() -> Path | None:
    """Its interpreter, installed on the first run (about 520 MB); None where its packages cannot be had."""
    interpreter, made = FOLDER / "bin" / "python", FOLDER / "requirements"
    wanted = "\n".join(REQUIREMENTS)
    if made.is_file() and made.read_text() == wanted:
        return interpreter
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
        install = [str(interpreter), "-m", "pip", "install", "--quiet", *REQUIREMENTS]
        subprocess.run(install, check=True, timeout=_LIMIT_S, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        print(f"comparison: Pipecat cannot be installed: {(error.stderr or '').strip()[-300:]}", file=sys.stderr)
        return None
    except (subprocess.TimeoutExpired, OSError) as error:
        print(f"comparison: Pipecat cannot be installed: {error}", file=sys.stderr)
        return None
    made.write_text(wanted)
    return interpreter
