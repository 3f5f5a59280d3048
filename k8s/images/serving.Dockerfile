# The serving image, from the folder that bento/build.py makes: `make images`.
# It runs as any user on a read-only root: state is in /tmp only.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements/ requirements/
RUN python -m venv tools \
 && tools/bin/pip install --quiet --no-cache-dir --require-hashes -r requirements/uv.txt \
 && python -m venv --without-pip /opt/venv \
 && tools/bin/uv pip install --quiet --python /opt/venv --no-cache --compile-bytecode --require-hashes -r requirements/serve.txt
COPY bento/ /opt/app/bento/
COPY meter_core/ /opt/app/meter_core/
COPY packaged/ /opt/app/packaged/
RUN chmod -R a+rX /opt/app && /opt/venv/bin/python -m compileall -q /opt/app
# What must not be in a serving image fails its build.
RUN /opt/venv/bin/python -c "import importlib.util as u, sys; \
found = [n for n in ('mlflow', 'prefect', 'pandas', 'great_expectations', 'sklearn', 'sqlmodel', 'pip') if u.find_spec(n)]; \
sys.exit('the serving image holds ' + ', '.join(found) if found else 0)"

FROM python:3.11-slim
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/app /opt/app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    HOME=/tmp METER_HOME=/tmp/meter BENTOML_HOME=/tmp/bentoml METER_HOST=0.0.0.0 \
    BENTOML_DO_NOT_TRACK=True DO_NOT_TRACK=1
ARG VERSION=dev
LABEL org.opencontainers.image.title="meter serving" \
      org.opencontainers.image.description="Predicts how many kWh an electricity meter will use: HTTP, gRPC and a web page." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
WORKDIR /opt/app
USER 10001:10001
EXPOSE 5501 5502
CMD ["python", "-m", "bentoml", "serve", "bento.service:MeterPrediction", "--host", "0.0.0.0", "--port", "5501", "--timeout-graceful-shutdown", "20"]
