#!/bin/bash
# Follows docs/install.md, command by command as they stand there, on an empty Debian: scripts/rehearse_install.sh FOLDER
#
# An empty Debian is made below FOLDER (about 2 GB) and booted with systemd in a container with a network of its own;
# then the commands of the section on Debian are run in it, its rehearsal included, to the campaign's end. Ten minutes;
# needs root, debootstrap, systemd-nspawn, iptables. SUITE: another Debian. COPY: files that this machine needs to reach its
# package archives (certificates, proxy settings). KEEP=1 leaves the machine running and says how to enter it.
set -euo pipefail
folder=${1:?"usage: $0 FOLDER"} source=$(cd "$(dirname "$0")/.." && pwd)
suite=${SUITE:-bookworm} root=$folder/$suite link=dialer-rh net=10.77.7

say() { printf '== %s\n' "$*"; }
inside() {
    nsenter -t "$machine" -m -u -i -n -p -r -w \
        env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"
}
tidy() {
    [ -z "${spawn:-}" ] || { kill -RTMIN+4 "$machine" 2>/dev/null && wait "$spawn"; } || true
    iptables -t nat -D POSTROUTING -s "$net.0/24" -j MASQUERADE 2>/dev/null || true
    ip netns delete "$link" 2>/dev/null || true
    [ -z "${forward:-}" ] || sysctl --quiet "net.ipv4.ip_forward=$forward"
}
trap '[ "${KEEP:-}" ] || tidy' EXIT

say "Debian $suite into $root"
mkdir -p "$folder"
[ -e "$root/etc/debian_version" ] && { echo "$root is there already: remove it" >&2; exit 1; }
debootstrap "$suite" "$root" "${DIALER_DEBIAN_MIRROR:-http://deb.debian.org/debian}" > "$folder/debootstrap.log"
for file in ${COPY:-}; do install -D -m 644 "$file" "$root$file"; done
git clone --quiet --bare "$source" "$root/srv/dialer.git"

say "boots"
ip netns add "$link"
ip link add "$link" type veth peer name host0 netns "$link"
ip addr add "$net.1/24" dev "$link" && ip link set "$link" up
ip -n "$link" addr add "$net.2/24" dev host0
for device in host0 lo; do ip -n "$link" link set "$device" up; done
ip -n "$link" route add default via "$net.1"
forward=$(sysctl --values net.ipv4.ip_forward)
sysctl --quiet net.ipv4.ip_forward=1
iptables -t nat -A POSTROUTING -s "$net.0/24" -j MASQUERADE
systemd-nspawn --directory "$root" --machine rehearsal --register=no --keep-unit --resolv-conf=copy-host \
    --network-namespace-path="/run/netns/$link" --boot < /dev/null > "$folder/boot.log" 2>&1 &
spawn=$!
machine=''
for _ in $(seq 60); do
    machine=$(pgrep --parent "$spawn" || true)
    [ -n "$machine" ] && inside systemctl is-system-running --quiet 2>/dev/null && break
    sleep 0.5
done

# The commands are those indented by eight blanks; of the two environments the simulated one is taken.
{
    sed -n '/^## Debian or Ubuntu/,/^## Docker/s/^        //p' "$source/docs/install.md" |
        sed -e '/--systemd > /d' -e 's|REPOSITORY|/srv/dialer.git|' \
            -e 's/^dialer doctor$/timeout 90 sh -c "until dialer doctor; do sleep 5; done"/'
    echo "timeout 600 sh -c 'until dialer campaign show demo | grep -q finished; do sleep 5; done'"
    printf '%s\n' 'dialer report demo' 'dialer audit' 'systemctl --no-pager list-units "dialer*"'
} > "$root/root/steps.sh"
say "the commands; all that they say is in $folder/steps.log"
if inside bash -c 'cd /root; set -ex; . ./steps.sh' > "$folder/steps.log" 2>&1; then
    tail -n 60 "$folder/steps.log"
    say "a campaign ran from an empty Debian $suite"
else
    tail -n 40 "$folder/steps.log"
    say "failed; see $folder/steps.log"
    exit 1
fi
[ -z "${KEEP:-}" ] || say "kept: nsenter -t $machine -m -u -i -n -p -r -w bash -l"
