# Prefect's server and its Kubernetes worker. Built from the repository's folder: see `make images`.
FROM python:3.11-slim AS build
COPY requirements/uv.txt /requirements/uv.txt
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --quiet --no-cache-dir --require-hashes -r /requirements/uv.txt
COPY requirements/prefect.txt /requirements/prefect.txt
RUN python -m venv --without-pip /opt/venv \
    && /opt/uv/bin/uv pip install --python /opt/venv/bin/python --no-cache --compile-bytecode --only-binary :all: \
       --require-hashes -r /requirements/prefect.txt

FROM python:3.11-slim
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp PREFECT_HOME=/tmp/prefect \
    PREFECT_SERVER_UI_STATIC_DIRECTORY=/tmp/ui PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1
ARG VERSION=dev
LABEL org.opencontainers.image.title="meter prefect" org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.description="Prefect server and Kubernetes worker"
WORKDIR /tmp
USER 10001:10001
EXPOSE 4200
CMD ["prefect", "server", "start", "--host", "0.0.0.0", "--port", "4200"]
