#!/bin/sh
# Make .venv with the dialer, its embedded services and the development tools. Argument: the Python to use (3.11+).
set -eu
cd "$(dirname "$0")/.."
python=${1:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "install: $python is too old: the dialer needs Python 3.11 or newer (make PYTHON=python3.12 ...)" >&2
    exit 1
}
[ -x .venv/bin/python ] || "$python" -m venv .venv
echo "install: everything into .venv, once; about a minute"
.venv/bin/python -m pip install --quiet --use-pep517 --disable-pip-version-check --editable '.[embedded,dev]'
touch .venv/.installed
