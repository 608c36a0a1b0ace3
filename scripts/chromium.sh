#!/bin/sh
# A Chromium for the board's browser test: installed from Debian's archive when it is missing and we are root.
# Exit code 0: it is there; 1: it is not, and could not be installed.
set -eu

found() {
    command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1
}

if found; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "chromium: not installed; as root on Debian: apt-get install chromium" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core
found
