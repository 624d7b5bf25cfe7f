# The API and the worker are one image: `node dist/src/main.js` serves, `node dist/workers/main.js` works.
# With a C compiler, which the native engine is built with.
FROM node:20-bookworm AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund --ignore-scripts
COPY tsconfig.json tsconfig.service.json ./
COPY src ./src
RUN npm run -s native:build
COPY workers ./workers
RUN npx tsc -p tsconfig.service.json
RUN npm prune --omit=dev --no-audit --no-fund

# `docker build --target gpu`: the same with TensorFlow's GPU package, whose libraries are built for CUDA 11 and cuDNN 8.
FROM build AS gpu-build
RUN npm run gpu:install -- --omit=dev

FROM nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04 AS gpu
ENV NODE_ENV=production DATA_DIR=/data
WORKDIR /app
COPY --from=gpu-build /usr/local/bin/node /usr/local/bin/node
COPY --from=gpu-build /app/package.json ./
COPY --from=gpu-build /app/node_modules ./node_modules
COPY --from=gpu-build /app/dist ./dist
COPY --from=gpu-build /app/build ./build
RUN useradd --create-home --uid 1000 node && mkdir -p /data && chown node:node /data
USER node
VOLUME /data
CMD ["node", "dist/workers/main.js"]

# The last target is the one that is built where none is named.
FROM node:20-bookworm-slim AS runtime
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/build ./build
RUN mkdir -p /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 3000
CMD ["node", "dist/src/main.js"]
