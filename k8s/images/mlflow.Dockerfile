# MLflow's server with what PostgreSQL, S3 and basic auth need. Built from the repository's folder: see `make images`.
FROM python:3.11-slim AS build
COPY requirements/uv.txt /requirements/uv.txt
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --quiet --no-cache-dir --require-hashes -r /requirements/uv.txt
COPY requirements/mlflow.txt /requirements/mlflow.txt
RUN python -m venv --without-pip /opt/venv \
    && /opt/uv/bin/uv pip install --python /opt/venv/bin/python --no-cache --compile-bytecode --only-binary :all: \
       --require-hashes -r /requirements/mlflow.txt

FROM python:3.11-slim
COPY --from=build /opt/venv /opt/venv
COPY k8s/images/mlflow-server /opt/venv/bin/mlflow-server
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib \
    DO_NOT_TRACK=1 MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false GIT_PYTHON_REFRESH=quiet
ARG VERSION=dev
LABEL org.opencontainers.image.title="meter mlflow" org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.description="MLflow server with PostgreSQL, S3 and basic auth"
WORKDIR /tmp
USER 10001:10001
EXPOSE 5000
ENTRYPOINT ["mlflow-server"]
CMD ["--host=0.0.0.0", "--port=5000", "--workers=1"]
