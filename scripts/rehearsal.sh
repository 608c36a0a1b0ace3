#!/bin/sh
# A provider behind a second Asterisk, simulated customers and a simulated shop, for an installation with systemd whose
# environment is that of `scripts/environment.sh --systemd --simulation`. As root: dialer-env scripts/rehearsal.sh
#
# Gone again with: systemctl disable --now dialer-rehearsal.target; rm -r /etc/asterisk-provider
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)
bank=${DIALER_SPEECH__PHRASE_BANK:?"is not set: was dialer.env made with --simulation, and is this run by dialer-env?"}
etc=/etc/asterisk-provider

ASTERISK_ROLE=provider SYSTEM_NAME=provider SIP_HOST=127.0.0.1 SIP_PORT=$TRUNK_PORT HTTP_PORT=8089 \
    RTP_START=21000 RTP_END=22000 EXTERNAL_ADDRESS='' STATE_DIR=/var/lib/asterisk-provider \
    LOG_DIR=/var/log/asterisk-provider RUN_DIR=/run/asterisk-provider "$source/scripts/asterisk-config.sh" "$etc"
chown -R asterisk: "$etc"

runuser --user dialer -- env DIALER_CONFIG_DIR=/etc/dialer \
    /opt/dialer/bin/python -m dialer.demo.prepare --orders /etc/dialer/demo_orders.csv --out "$(dirname "$bank")"

cp "$source"/config/systemd/rehearsal/* /etc/systemd/system/
systemctl daemon-reload
systemctl enable --now dialer-rehearsal.target
