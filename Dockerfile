# The gateway as an image: compiled JavaScript, production dependencies and nothing else.
#
#   docker build -t sallyport .
#   docker run --rm -v sallyport:/data sallyport init /data          # route file and keys, once
#   docker run -d --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#     -v sallyport:/data -p 8080:8080 -e SUITE_SCIM_TOKEN sallyport
#
# Inside a container the data listener must not stay on loopback: write `listen: 0.0.0.0:8080` under
# `server:`. The admin listener may stay on 127.0.0.1:8081; reach it with `docker exec`. Where something
# outside asks it /readyz it has to listen on 0.0.0.0:8081, and only that may reach it.
#
# The same image serves alone on SQLite and in any number on PostgreSQL: the route file says which.
# config/examples has both ways to run several: compose.yaml and kubernetes/.

# Pin by digest where builds must be repeatable: --build-arg NODE_IMAGE=node:24-slim@sha256:…
ARG NODE_IMAGE=node:24-slim

# Compiles. Development dependencies stay in this stage.
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

# Production dependencies alone. None of them needs an install script: the SQLite binaries are inside
# their package, and the clients of PostgreSQL and Redis are JavaScript.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
ENV NODE_ENV=production \
    SALLYPORT_HEALTH_URL=http://127.0.0.1:8081/livez
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json README.md SECURITY.md LICENSE ./
COPY migrations ./migrations
# The template of `init`.
COPY config/gateway.yaml config/gateway.schema.json ./config/

# The only place that is written to: route file, keys, a SQLite store, files of checkpoints. Everything
# else may be read-only.
RUN mkdir /data && chown 1000:1000 /data
VOLUME /data

# The user `node` of the image, by number, so that an orchestrator can see it is not root.
USER 1000:1000

# Data and admin.
EXPOSE 8080 8081

# Alive is enough for a restart; /readyz also fails while draining and while the store is not writable,
# which a restart does not mend. Ask that one for routing.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(process.env.SALLYPORT_HEALTH_URL).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]

# SIGTERM drains for up to 25 s, and telemetry has 5 s more: give `docker stop --time` 35.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve", "--config", "/data/gateway.yaml"]
