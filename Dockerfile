# A release names the image by its digest: --build-arg DENO_IMAGE=denoland/deno@sha256:…
ARG DENO_IMAGE=denoland/deno:2.9.6
FROM ${DENO_IMAGE}

WORKDIR /app
RUN chown deno:deno /app
USER deno

# All dependencies, exactly as deno.lock names them, in a layer that code changes leave alone.
COPY --chown=deno:deno deno.json deno.lock package.json ./
COPY --chown=deno:deno std ./std
RUN deno install --frozen

COPY --chown=deno:deno . .
# Commands are loaded by an address that can't be foreseen from main.ts.
RUN deno cache --frozen main.ts commands/*.ts

# Without engines that are set it refuses to start, instead of keeping orders in the container.
ENV REQUIRE_SETTINGS=1

EXPOSE 8000

# The tasks name the permissions that each command has; `exec` lets signals reach the product.
CMD ["sh", "-c", "deno task migrate && exec deno task start"]
