#!/bin/sh
# Renders the configuration from the environment (scripts/asterisk-config.sh says which variables) and runs Asterisk.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
export RUN_DIR="${RUN_DIR:-/var/run/asterisk}" STATE_DIR="${STATE_DIR:-/var/lib/asterisk}" LOG_DIR="${LOG_DIR:-/var/log/asterisk}"
export ETC_DIR="${ETC_DIR:-$RUN_DIR/etc}"
umask 027
mkdir -p "$RUN_DIR" "$STATE_DIR/keys" "$STATE_DIR/cache" "$STATE_DIR/spool" "$LOG_DIR/cdr-csv"
"$here/scripts/asterisk-config.sh" "$ETC_DIR"
exec asterisk -f -C "$ETC_DIR/asterisk.conf"
