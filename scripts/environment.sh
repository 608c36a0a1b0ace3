#!/bin/sh
# Prints the environment file with fresh secrets:
#
#   scripts/environment.sh > .env                                  for compose.yaml
#   scripts/environment.sh --systemd > /etc/dialer/dialer.env      for the units in config/systemd
#
# --simulation: simulated customers, provider and shop, no keys needed; retries run 900 times faster.
# Without it, fill in by hand what is empty: TRUNK_*, DIALER_ORDERS_API__* and DIALER_OPENAI__API_KEY.
set -eu
systemd='' simulation=''
for word in "$@"; do
    case $word in
        --systemd) systemd=yes ;;
        --simulation) simulation=yes ;;
        *) echo "usage: $0 [--systemd] [--simulation]" >&2; exit 1 ;;
    esac
done

secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

postgres=$(secret) redis=$(secret) ari=$(secret) flower=$(secret)
cat <<END
POSTGRES_PASSWORD=$postgres
REDIS_PASSWORD=$redis
ARI_PASSWORD=$ari
FLOWER_PASSWORD=$flower
DIALER_API__READ_TOKEN=$(secret)
DIALER_API__ENQUEUE_TOKEN=$(secret)
DIALER_API__CONTROL_TOKEN=$(secret)
END
if [ "$systemd" ]; then
    # What compose.yaml makes of the above itself.
    cat <<END
DIALER_DATABASE_URL=postgresql://dialer:$postgres@127.0.0.1/dialer
DIALER_BROKER_URL=redis://:$redis@127.0.0.1:6379/0
DIALER_ARI__PASSWORD=$ari
FLOWER_BASIC_AUTH=ops:$flower
# The folder of scripts/asterisk.sh; empty: Asterisk is the system's own.
ASTERISK_ROOT=/opt/asterisk
END
else
    echo "GRAFANA_PASSWORD=$(secret)"
fi

if [ "$simulation" ]; then
    cat <<END
TRUNK_USERNAME=shop
TRUNK_PASSWORD=$(secret)
DIALER_ORDERS_API__TOKEN=$(secret)
DIALER_SPEECH__RECOGNIZER=phrase_bank
DIALER_SPEECH__SYNTHESIZER=offline
DIALER_TIME_SCALE=900
END
    if [ "$systemd" ]; then
        cat <<END
TRUNK_HOST=127.0.0.1
TRUNK_PORT=5070
DIALER_ORDERS_API__URL=http://127.0.0.1:8090
DIALER_SPEECH__PHRASE_BANK=/var/lib/dialer/simulation/phrase-bank.json
END
    else
        cat <<END
COMPOSE_PROFILES=simulation
TRUNK_HOST=asterisk-customers
DIALER_ORDERS_API__URL=http://shop:8090
END
    fi
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
