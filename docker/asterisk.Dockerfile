# Asterisk 22 with the media WebSocket. Debian carries it in sid only; the branch is pinned, and the build fails without it.
FROM debian:sid-20250811-slim
ARG ASTERISK_VERSION=1:22.*
# Asterisk runs as a user with a number of our own, so that volumes keep their owner over rebuilds.
RUN useradd --system --uid 10002 --user-group --home-dir /var/lib/asterisk --shell /usr/sbin/nologin asterisk \
    && printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
        "asterisk=$ASTERISK_VERSION" "asterisk-modules=$ASTERISK_VERSION" ca-certificates gawk \
    && rm -rf /var/lib/apt/lists/* /etc/asterisk/* \
    && ls /usr/lib/*/asterisk/modules/chan_websocket.so /usr/lib/*/asterisk/modules/chan_audiosocket.so \
    && install --directory --owner asterisk --group asterisk --mode 0750 \
        /var/lib/asterisk /var/log/asterisk /var/run/asterisk
COPY config/asterisk /opt/dialer/config/asterisk
COPY scripts/asterisk-config.sh /opt/dialer/scripts/
COPY docker/asterisk-run.sh /opt/dialer/docker/
USER 10002:10002
WORKDIR /var/lib/asterisk
ENTRYPOINT []
CMD ["/opt/dialer/docker/asterisk-run.sh"]
