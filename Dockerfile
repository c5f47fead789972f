# One image for each service: docker build --build-arg SERVICE=operations .
# It serves with `operations`, and migrates with `plantkit.migrate operations`.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ARG SERVICE
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /takt
COPY pyproject.toml requirements.lock ./
COPY libs libs
COPY services services
COPY deploy/takt deploy/takt
# uv resolves under the pins; the guard refuses what is not in requirements.lock.
RUN uv sync --package "takt-${SERVICE:?}" && PYTHONPATH=deploy/takt/src python -m takt.locks . && rm -rf deploy uv.lock

FROM python:${PYTHON}-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin takt
COPY --from=build /takt /takt
ENV PATH=/takt/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /takt
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
ENTRYPOINT ["python", "-m"]
