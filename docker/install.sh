#!/bin/sh
# Installs the dialer, with exactly the versions in docker/constraints.txt, into a new virtual environment:
# docker/install.sh /opt/dialer [WHAT]. WHAT is this source tree with the offline voice, or a wheel, say. The image is
# built with it, and the tests run it.
set -eu
target=${1:?"usage: $0 FOLDER [WHAT]"}
source=$(cd "$(dirname "$0")/.." && pwd)
"${PYTHON:-python3}" -m venv "$target"
"$target/bin/python" -m pip install --quiet --use-pep517 --disable-pip-version-check --no-cache-dir \
    --constraint "$source/docker/constraints.txt" "${2:-$source[offline-voice]}"
"$target/bin/python" -m compileall -q "$target/lib"
"$target/bin/python" -m pip uninstall --quiet --yes pip setuptools
"$target/bin/dialer" --version
