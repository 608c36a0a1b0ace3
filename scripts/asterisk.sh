#!/bin/sh
# Installs a real Asterisk 22 into .asterisk/ of this checkout, for tests and `dialer demo --asterisk`.
#
# A root folder of Debian sid, made by debootstrap; nothing of it runs outside the folder and nothing else changes
# (but debootstrap itself, which is installed when it is missing). Needs root to install, not to run. Repeating is harmless.
#
# Exit codes: 0 installed (or was already); 1 wrong use; 69 the package archive could not deliver (network).
set -eu

UNAVAILABLE=69
ROOT=${DIALER_ASTERISK_ROOT:-$(cd "$(dirname "$0")/.." && pwd)/.asterisk}
MIRROR=${DIALER_DEBIAN_MIRROR:-http://deb.debian.org/debian}
SUITE=${DIALER_DEBIAN_SUITE:-sid}
LIMIT_S=${DIALER_ASTERISK_LIMIT_S:-600}
PACKAGES="asterisk asterisk-modules"

say() { printf 'asterisk: %s\n' "$*" >&2; }
unavailable() {
    say "$1"
    say "last words: $(tail -n 1 "$LOG")"
    say "The package archive $MIRROR could not deliver; nothing is wrong with the checkout. Log: $LOG"
    exit $UNAVAILABLE
}

installed() { [ -x "$ROOT/usr/sbin/asterisk" ] && ls "$ROOT"/usr/lib/*/asterisk/modules/chan_websocket.so >/dev/null 2>&1; }

if installed; then
    say "already in $ROOT"
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    say "installing needs root (debootstrap makes a root folder): sudo $0"
    exit 1
fi
for tool in timeout chroot mount; do
    command -v "$tool" >/dev/null || { say "'$tool' is missing: this needs Debian or Ubuntu"; exit 1; }
done

mkdir -p "$ROOT"
LOG="$ROOT.log"
: > "$LOG"

if ! command -v debootstrap >/dev/null; then
    command -v apt-get >/dev/null || { say "debootstrap is missing and there is no apt-get to install it"; exit 1; }
    say "installing debootstrap"
    { timeout "$LIMIT_S" apt-get update && timeout "$LIMIT_S" apt-get install -y --no-install-recommends debootstrap; } \
        >> "$LOG" 2>&1 || unavailable "debootstrap could not be installed"
fi

release() { mountpoint -q "$ROOT/proc" && umount "$ROOT/proc" || true; }
trap release EXIT INT TERM

# A folder that an earlier run left half-made is made anew; debootstrap's own marker tells.
if [ ! -x "$ROOT/usr/bin/apt-get" ] || [ -d "$ROOT/debootstrap" ]; then
    release
    rm -rf "$ROOT"
    mkdir -p "$ROOT"
    say "Debian $SUITE into $ROOT"
    timeout "$LIMIT_S" debootstrap --variant=minbase "$SUITE" "$ROOT" "$MIRROR" >> "$LOG" 2>&1 \
        || unavailable "debootstrap failed or took longer than $LIMIT_S s"
fi

# The archive's settings of this machine (proxy, certificates) are the folder's too.
for item in /etc/resolv.conf /etc/hosts; do
    [ -r "$item" ] && cp -L "$item" "$ROOT$item"
done
cp -L /etc/apt/apt.conf.d/*proxy* "$ROOT/etc/apt/apt.conf.d/" 2>/dev/null || true
printf '#!/bin/sh\nexit 101\n' > "$ROOT/usr/sbin/policy-rc.d" # start no service while installing
chmod 755 "$ROOT/usr/sbin/policy-rc.d"
mountpoint -q "$ROOT/proc" || mount -t proc proc "$ROOT/proc" || { say "cannot mount /proc in $ROOT"; exit 1; }

say "Asterisk by apt-get"
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
# A mirror that lags behind is good enough for tests: its signatures are checked all the same.
FRESHNESS="-o Acquire::Check-Valid-Until=false"
{ timeout "$LIMIT_S" chroot "$ROOT" apt-get $FRESHNESS update &&
  timeout "$LIMIT_S" chroot "$ROOT" apt-get $FRESHNESS install -y --no-install-recommends $PACKAGES; } >> "$LOG" 2>&1 \
    || unavailable "apt-get failed or took longer than $LIMIT_S s"
chroot "$ROOT" apt-get clean

installed || { say "no chan_websocket in the archive's Asterisk: $(chroot "$ROOT" asterisk -V 2>&1 || true)"; exit 1; }
say "$(chroot "$ROOT" asterisk -V) in $ROOT"
