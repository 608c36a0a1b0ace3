#!/bin/sh
# Writes config/asterisk/*.conf to a folder (as a rule /etc/asterisk), filled in from the environment.
#
#   ARI_PASSWORD=... TRUNK_HOST=sip.example TRUNK_USERNAME=... TRUNK_PASSWORD=... scripts/asterisk-config.sh /etc/asterisk
#
# Paths, ports and names have Debian's defaults; secrets and the trunk have none. Exit code 1 names what is missing.
set -eu

TARGET=${1:?"usage: $0 FOLDER"}
SOURCE=${DIALER_CONFIG_DIR:-$(cd "$(dirname "$0")/.." && pwd)/config}/asterisk

export ETC_DIR="${ETC_DIR:-$TARGET}" STATE_DIR="${STATE_DIR:-/var/lib/asterisk}" DATA_DIR="${DATA_DIR:-/usr/share/asterisk}"
export RUN_DIR="${RUN_DIR:-/var/run/asterisk}" LOG_DIR="${LOG_DIR:-/var/log/asterisk}" SBIN_DIR="${SBIN_DIR:-/usr/sbin}"
export MODULES_DIR="${MODULES_DIR:-/usr/lib/$(uname -m)-linux-gnu/asterisk/modules}"
export SYSTEM_NAME="${SYSTEM_NAME:-dialer}" ARI_USERNAME="${ARI_USERNAME:-dialer}"
export HTTP_HOST="${HTTP_HOST:-127.0.0.1}" HTTP_PORT="${HTTP_PORT:-8088}"
export SIP_HOST="${SIP_HOST:-0.0.0.0}" SIP_PORT="${SIP_PORT:-5060}" TRUNK_PORT="${TRUNK_PORT:-5060}"
export RTP_START="${RTP_START:-10000}" RTP_END="${RTP_END:-20000}"

umask 077
mkdir -p "$TARGET"
for file in "$SOURCE"/*.conf; do
    awk '
        {
            line = $0; out = ""
            while (match(line, /@[A-Z_]+@/)) {
                name = substr(line, RSTART + 1, RLENGTH - 2)
                if (!(name in ENVIRON)) { print FILENAME ": " name " is not set" > "/dev/stderr"; exit 1 }
                out = out substr(line, 1, RSTART - 1) ENVIRON[name]
                line = substr(line, RSTART + RLENGTH)
            }
            print out line
        }' "$file" > "$TARGET/$(basename "$file")"
done
