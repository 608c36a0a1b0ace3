#!/bin/sh
# Writes config/asterisk/*.conf to a folder (as a rule /etc/asterisk), filled in from the environment.
#
#   ARI_PASSWORD=... TRUNK_HOST=sip.example TRUNK_USERNAME=... TRUNK_PASSWORD=... scripts/asterisk-config.sh /etc/asterisk
#
# TRUNK_AUTH chooses the trunk: registration (the default), ip (the provider knows our address), tls (registration over
# TLS, audio by SRTP). EXTERNAL_ADDRESS: our address as the provider sees it, when this machine is behind NAT.
# ASTERISK_ROLE=provider writes the provider's side instead, with simulated customers, for rehearsals.
#
# ASTERISK_ROOT: the root folder that Asterisk was installed into, when it is not the system's own (scripts/asterisk.sh).
#
# Paths, ports and names have Debian's defaults; secrets and the trunk have none. Exit code 1 names what is missing.
set -eu

TARGET=${1:?"usage: $0 FOLDER"}
SOURCE=${DIALER_CONFIG_DIR:-$(cd "$(dirname "$0")/.." && pwd)/config}/asterisk

export ETC_DIR="${ETC_DIR:-$TARGET}" STATE_DIR="${STATE_DIR:-/var/lib/asterisk}"
export DATA_DIR="${DATA_DIR:-${ASTERISK_ROOT:-}/usr/share/asterisk}"
export RUN_DIR="${RUN_DIR:-/var/run/asterisk}" LOG_DIR="${LOG_DIR:-/var/log/asterisk}" SBIN_DIR="${SBIN_DIR:-/usr/sbin}"
export MODULES_DIR="${MODULES_DIR:-${ASTERISK_ROOT:-}/usr/lib/$(uname -m)-linux-gnu/asterisk/modules}"
export SYSTEM_NAME="${SYSTEM_NAME:-dialer}" ARI_USERNAME="${ARI_USERNAME:-dialer}"
export HTTP_HOST="${HTTP_HOST:-127.0.0.1}" HTTP_PORT="${HTTP_PORT:-8088}" MANAGER_PORT="${MANAGER_PORT:-5038}"
export SIP_HOST="${SIP_HOST:-0.0.0.0}" SIP_PORT="${SIP_PORT:-5060}" TRUNK_PORT="${TRUNK_PORT:-5060}"
export RTP_START="${RTP_START:-10000}" RTP_END="${RTP_END:-20000}"
export CA_FILE="${CA_FILE:-/etc/ssl/certs/ca-certificates.crt}"

refuse() { echo "$0: $1" >&2; exit 1; }

# A folder whose files take the place of those with the same name.
case "${ASTERISK_ROLE:-dialer}:${TRUNK_AUTH:-registration}" in
    dialer:registration) overlay= ;;
    dialer:ip) overlay=$SOURCE/trunk_ip ;;
    dialer:tls) overlay=$SOURCE/trunk_tls ;;
    provider:*) overlay=$SOURCE/provider ;;
    dialer:*) refuse "TRUNK_AUTH is one of registration, ip, tls" ;;
    *) refuse "ASTERISK_ROLE is dialer or provider" ;;
esac

fill() {
    awk '
        {
            line = $0; out = ""
            while (match(line, /@[A-Z_]+@/)) {
                name = substr(line, RSTART + 1, RLENGTH - 2)
                if (ENVIRON[name] == "") { print FILENAME ": " name " is not set" > "/dev/stderr"; exit 1 }
                value = ENVIRON[name]
                gsub(/;/, "\\\\;", value) # a comment would begin here
                out = out substr(line, 1, RSTART - 1) value
                line = substr(line, RSTART + RLENGTH)
            }
            print out line
        }' "$1" > "$TARGET/$(basename "$1")"
}

umask 077
mkdir -p "$TARGET"
for file in "$SOURCE"/*.conf; do
    [ -n "$overlay" ] && [ -e "$overlay/$(basename "$file")" ] || fill "$file"
done
for file in ${overlay:+"$overlay"/*.conf}; do fill "$file"; done
[ "${ASTERISK_ROLE:-dialer}" = dialer ] || fill "$SOURCE/loopback/extensions_customers.conf"

if [ -n "${EXTERNAL_ADDRESS:-}" ]; then
    {
        echo "external_media_address = $EXTERNAL_ADDRESS"
        echo "external_signaling_address = $EXTERNAL_ADDRESS"
        for network in ${LOCAL_NETWORKS:-10.0.0.0/8 172.16.0.0/12 192.168.0.0/16}; do echo "local_net = $network"; done
    } > "$TARGET/pjsip_nat.conf"
    # Asterisk dislikes to include one file twice.
    cp "$TARGET/pjsip_nat.conf" "$TARGET/pjsip_nat_tls.conf"
else
    rm -f "$TARGET/pjsip_nat.conf" "$TARGET/pjsip_nat_tls.conf"
fi
