#!/bin/sh
# A provider behind a second Asterisk, simulated customers and a simulated shop, for an installation with systemd whose
# environment is that of `scripts/environment.sh --systemd --simulation`. As root: scripts/rehearsal.sh [ORDERS.csv]
#
# Gone again with: systemctl disable --now dialer-rehearsal.target; rm -r /etc/asterisk-provider
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
orders=${1:-/etc/dialer/demo_orders.csv}
etc=/etc/asterisk-provider

set -a
. /etc/dialer/dialer.env
: "${DIALER_SPEECH__PHRASE_BANK:?"is not set: was dialer.env made with --simulation?"}"
ASTERISK_ROLE=provider SYSTEM_NAME=provider SIP_HOST=127.0.0.1 SIP_PORT=$TRUNK_PORT HTTP_PORT=8089
RTP_START=21000 RTP_END=22000 EXTERNAL_ADDRESS=
STATE_DIR=/var/lib/asterisk-provider LOG_DIR=/var/log/asterisk-provider RUN_DIR=/run/asterisk-provider
set +a
"$source/scripts/asterisk-config.sh" "$etc"
chown -R asterisk: "$etc"

runuser -u dialer -- env DIALER_CONFIG_DIR=/etc/dialer \
    /opt/dialer/bin/python -m dialer.demo.prepare --orders "$orders" --out "$(dirname "$DIALER_SPEECH__PHRASE_BANK")"

cp "$source"/config/systemd/rehearsal/* /etc/systemd/system/
systemctl daemon-reload
systemctl enable --now dialer-rehearsal.target
