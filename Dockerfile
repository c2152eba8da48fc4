# One image for every stage; which one it is says the command. Built from the hashed lock, so what is not in it
# cannot come in; run as a user that owns nothing in it.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/batchwitness
COPY requirements/bootstrap.txt requirements/runtime.txt requirements/
RUN /opt/batchwitness/bin/python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes \
        -r requirements/bootstrap.txt \
    && /opt/batchwitness/bin/uv pip install --no-cache --python /opt/batchwitness/bin/python --require-hashes \
        -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY analytics analytics
COPY api api
COPY batchwitness batchwitness
COPY dashboards dashboards
COPY ingest ingest
COPY records records
COPY store store
RUN /opt/batchwitness/bin/uv pip install --no-cache --python /opt/batchwitness/bin/python \
        --no-deps --no-build-isolation .

FROM python:3.11-slim
RUN groupadd --gid 10001 batchwitness \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin batchwitness
COPY --from=build /opt/batchwitness /opt/batchwitness
COPY deploy/health /opt/batchwitness/health
ENV PATH=/opt/batchwitness/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["batchwitness"]
CMD ["--help"]
