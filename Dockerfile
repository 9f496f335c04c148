# The whole of Giftdesk; the same file for amd64 and arm64. Nothing is compiled: every dependency has a wheel for both.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/giftdesk
COPY requirements.runtime.lock ./
RUN /opt/giftdesk/bin/pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: -r requirements.runtime.lock
COPY pyproject.toml README.md ./
COPY bot bot
COPY handlers handlers
COPY locales locales
COPY sandbox sandbox
RUN /opt/giftdesk/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /made . \
    && /opt/giftdesk/bin/pip install --no-cache-dir --no-deps --no-index /made/giftdesk-*.whl \
    && /opt/giftdesk/bin/pip check \
    && rm -r /opt/giftdesk/lib/python*/site-packages/pip /opt/giftdesk/bin/pip*

FROM python:${PYTHON}-slim-bookworm
# The embedded PostgreSQL needs a user with a name; a number of its own lets volumes be prepared without the image.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin giftdesk \
    && install -d -o giftdesk -g giftdesk -m 0700 /data
COPY --from=build /opt/giftdesk /opt/giftdesk
ENV PATH=/opt/giftdesk/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=8000 \
    GIFTDESK_HOME=/data \
    LOG_FORMAT=json
USER giftdesk
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# Of `serve` and `web`; a worker listens nowhere, and is watched by the web process's /metrics.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/readyz', timeout=4)"]
# No ENTRYPOINT: platforms such as Heroku put a shell before it.
CMD ["giftdesk", "serve"]
