#!/bin/sh
# Prometheus, with the API's token in a file of its own memory disk: it reads no environment, and Compose puts no
# secret into a container whose file system is read-only.
set -eu
umask 077
printf %s "${READ_TOKEN:?}" > "${TMPDIR:-/tmp}/read_token"
exec prometheus "$@"
