# SPDX-License-Identifier: MIT
# Prometheus of Debian, which knows learner and reward server of compose.yaml by their names. Of compose.yaml's profile "monitoring".
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends prometheus && apt-get clean && rm -rf /var/lib/apt/lists/* && \
    install -d -o 10001 -g 10001 /data && find / -xdev -type f -perm /6000 -exec chmod a-s {} +
COPY deploy/monitoring/prometheus.yml deploy/monitoring/alerts.yaml /etc/onic/
RUN sed -i 's/127.0.0.1:9400/learner:9400/; s/127.0.0.1:9401/reward-server:9401/' /etc/onic/prometheus.yml
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 10001:10001
VOLUME /data
CMD ["prometheus", "--config.file=/etc/onic/prometheus.yml", "--storage.tsdb.path=/data", "--web.listen-address=0.0.0.0:9090", "--storage.tsdb.retention.time=30d"]
