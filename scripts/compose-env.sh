#!/bin/sh
# Prints the environment file of compose.yaml with fresh secrets: scripts/compose-env.sh > .env
#
# --simulation: simulated customers, provider and shop, no keys needed; retries run 900 times faster.
# Without it, fill in TRUNK_*, DIALER_ORDERS_API__* and DIALER_OPENAI__API_KEY by hand.
set -eu
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
cat <<END
POSTGRES_PASSWORD=$(secret)
REDIS_PASSWORD=$(secret)
ARI_PASSWORD=$(secret)
FLOWER_PASSWORD=$(secret)
GRAFANA_PASSWORD=$(secret)
DIALER_API__READ_TOKEN=$(secret)
DIALER_API__ENQUEUE_TOKEN=$(secret)
DIALER_API__CONTROL_TOKEN=$(secret)
END
if [ "${1:-}" = --simulation ]; then
    cat <<END
COMPOSE_PROFILES=simulation
TRUNK_HOST=asterisk-customers
TRUNK_USERNAME=shop
TRUNK_PASSWORD=$(secret)
DIALER_ORDERS_API__URL=http://shop:8090
DIALER_ORDERS_API__TOKEN=$(secret)
DIALER_SPEECH__RECOGNIZER=phrase_bank
DIALER_SPEECH__SYNTHESIZER=offline
DIALER_TIME_SCALE=900
END
else
    cat <<END
# The SIP provider. TRUNK_AUTH: registration, ip or tls.
TRUNK_HOST=
TRUNK_USERNAME=
TRUNK_PASSWORD=
TRUNK_AUTH=registration
# This machine's address as the provider sees it.
EXTERNAL_ADDRESS=
# The shop's orders API.
DIALER_ORDERS_API__URL=
DIALER_ORDERS_API__TOKEN=
# Hearing, speaking and the language model.
DIALER_SPEECH__RECOGNIZER=openai
DIALER_SPEECH__SYNTHESIZER=openai
DIALER_OPENAI__API_KEY=
DIALER_UNDERSTANDING__LLM=true
END
fi
