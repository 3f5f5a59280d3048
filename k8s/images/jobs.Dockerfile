# The flows and the command `meter`. Built from the repository's folder: see `make images`.
FROM python:3.11-slim AS build
COPY requirements/uv.txt /requirements/uv.txt
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --quiet --no-cache-dir --require-hashes -r /requirements/uv.txt
COPY requirements/jobs.txt /requirements/jobs.txt
RUN python -m venv --without-pip /opt/venv \
    && /opt/uv/bin/uv pip install --python /opt/venv/bin/python --no-cache --compile-bytecode --only-binary :all: \
       --require-hashes -r /requirements/jobs.txt
# LightGBM asks the system for OpenMP's library, which a slim image has not: it gets the one that scikit-learn brings.
RUN mkdir /opt/venv/openmp \
    && ln -s /opt/venv/lib/python3.11/site-packages/scikit_learn.libs/libgomp-*.so.1.0.0 /opt/venv/openmp/libgomp.so.1

FROM python:3.11-slim
COPY --from=build /opt/venv /opt/venv
COPY k8s/images/meter /opt/venv/bin/meter
COPY prefect.yaml /opt/app/
COPY meter_core /opt/app/meter_core
COPY flows /opt/app/flows
# The code lies where METER_APP says, and the image is not written to at run time: compile it now.
RUN python -m compileall -q /opt/app
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/opt/app METER_APP=/opt/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp METER_HOME=/tmp/meter PREFECT_HOME=/tmp/prefect MPLCONFIGDIR=/tmp/matplotlib GIT_PYTHON_REFRESH=quiet \
    LD_LIBRARY_PATH=/opt/venv/openmp DO_NOT_TRACK=1 MLFLOW_DISABLE_TELEMETRY=true GX_ANALYTICS_ENABLED=false
ARG VERSION=dev
LABEL org.opencontainers.image.title="meter jobs" org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.description="Flows and command line of meter consumption prediction"
WORKDIR /opt/app
USER 10001:10001
CMD ["meter", "--help"]
