# SPDX-License-Identifier: MIT
# llama.cpp's server for compose.yaml's profile "llm". It and its language model are fetched on the host (build.sh --all, or ./deploy/quickstart.sh llm) and
# mounted at /cache: nothing of them is in an image.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
RUN apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends python3 libgomp1 && \
    apt-get clean && rm -rf /var/lib/apt/lists/* && find / -xdev -type f -perm /6000 -exec chmod a-s {} +
COPY deploy/llm/serve.py /opt/
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin ONIC_CACHE=/cache
USER 10001:10001
CMD ["python3", "/opt/serve.py", "--host=0.0.0.0", "--port=8087", "--nice=0"]
