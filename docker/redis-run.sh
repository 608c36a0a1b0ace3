#!/bin/sh
# The broker: nothing on disk (the ledger is the truth), nothing evicted, a password that no process list shows.
set -eu
: "${REDIS_PASSWORD:?}"
config=${REDIS_CONFIG:-/run/redis/redis.conf}
umask 077
{
    echo "bind ${REDIS_BIND:-* -::*}"
    echo "port ${REDIS_PORT:-6379}"
    echo "requirepass $REDIS_PASSWORD"
    echo 'save ""'
    echo "appendonly no"
    echo "maxmemory ${REDIS_MAXMEMORY:-128mb}"
    echo "maxmemory-policy noeviction"
} > "$config"
exec redis-server "$config"
