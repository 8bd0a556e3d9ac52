# The backup tool on its schedule; see docs/container.md. Every RUN line is tried by test/image/image-in-chroot.sh.

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

# Optional packages carry the native parts (Argon2id), so they stay, except for the Node of a checkout: 180 MB that
# the image has already. The compiler comes along as an optional peer of a dependency; nothing uses it here.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts \
 && rm -rf node_modules/node-linux-* node_modules/typescript node_modules/@typescript node_modules/.bin

FROM node:24-bookworm-slim
# tini, as process 1, reaps orphans and passes signals on to whatever command the container was given.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends attr tini \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=dependencies /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY package.json LICENSE crontab ./
COPY image ./image
# Nothing secret lies in the run folder (a lock and the state for the health check); it is sticky and open so that
# `docker run --user` works with any user.
RUN ln -s /app/image/entrypoint.sh /usr/local/bin/entrypoint \
 && ln -s /app/image/backup.sh /usr/local/bin/backup \
 && mkdir --mode=1777 /run/backup \
 && mkdir /backup
ENV NODE_ENV=production RUN_DIR=/run/backup
# A config.json mounted here is found without --config.
WORKDIR /backup
USER 1000:1000
HEALTHCHECK --interval=1m --timeout=10s --start-period=10s --retries=1 CMD ["node", "/app/image/healthcheck.ts"]
ENTRYPOINT ["tini", "--", "entrypoint"]
CMD ["schedule"]
