#!/bin/sh
# Everything that can be checked without running the product. Pre-commit and .ci/run call it through `make check`.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin
"$bin/ruff" format --check --quiet .
"$bin/ruff" check --quiet .
"$bin/mypy"
"$bin/lint-imports"
"$bin/python" scripts/check_sizes.py
"$bin/python" scripts/make_configuration_doc.py --check
