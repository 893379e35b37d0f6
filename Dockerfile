# The bridge: `canlift-bridge serve`. docs/deploying.md says how it is run, compose.yaml shows it.
FROM docker.io/library/python:3.13-slim AS build
RUN python3 -m venv --without-pip /opt/canlift
WORKDIR /src
# What is needed first, by what pyproject.toml says of it: it changes seldom, and this layer with it.
COPY pyproject.toml ./
RUN python3 -c 'import tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
print(*project["dependencies"], *project["optional-dependencies"]["bridge"], sep="\n")' > requirements.txt \
 && python3 -m pip --python /opt/canlift/bin/python install --no-cache-dir -r requirements.txt
RUN python3 -m venv /opt/tools && /opt/tools/bin/pip install --no-cache-dir 'hatchling>=1.25'
COPY README.md LICENSE ./
COPY agent agent
COPY cloud_bridge cloud_bridge
COPY contract contract
COPY config config
COPY dbc dbc
RUN /opt/tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation -w /wheels . \
 && python3 -m pip --python /opt/canlift/bin/python install --no-cache-dir --no-deps /wheels/*.whl

FROM docker.io/library/python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin canlift \
 && install -d -o canlift -g canlift -m 0700 /var/lib/canlift /srv/broker
COPY --from=build /opt/canlift /opt/canlift
ENV PATH=/opt/canlift/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/canlift
VOLUME ["/var/lib/canlift", "/srv/broker"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 \
  CMD ["canlift-bridge", "health", "--config", "/etc/canlift/bridge.toml"]
ENTRYPOINT ["canlift-bridge"]
CMD ["serve", "--config", "/etc/canlift/bridge.toml"]
