# By its digest, that of the index of all platforms of denoland/deno:2.9.6. It is the one that several other projects
# publish for this version; no registry could be asked where this was written. To see for yourself:
# docker buildx imagetools inspect denoland/deno:2.9.6
ARG DENO_IMAGE=denoland/deno:2.9.6@sha256:2014dc167ece617ef7e7ba40631ac2234c59e75ce693e7cc2dc2602b3c87859d
FROM ${DENO_IMAGE}

WORKDIR /app
RUN chown deno:deno /app
USER deno

# All dependencies, exactly as deno.lock names them, in a layer that code changes leave alone.
COPY --chown=deno:deno deno.json deno.lock package.json ./
COPY --chown=deno:deno std ./std
RUN deno install --frozen

COPY --chown=deno:deno . .
# What everything here is made of: docs/sbom.cdx.json, CycloneDX 1.6.
LABEL org.opencontainers.image.licenses=MIT sbom=/app/docs/sbom.cdx.json
# Commands are loaded by an address that can't be foreseen from main.ts.
RUN deno cache --frozen main.ts commands/*.ts

# Where files of imports go that do not fit into memory: all that a running container writes to.
RUN mkdir -p .data/tmp

# Without engines that are set it refuses to start, instead of keeping orders in the container.
ENV REQUIRE_SETTINGS=1

EXPOSE 8000

# Whether it can serve: engines reachable, migrations applied.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
  CMD ["deno", "eval", "Deno.exit((await fetch(`http://127.0.0.1:${Deno.env.get('PORT') ?? 8000}/readyz`)).ok ? 0 : 1)"]

# The tasks name the permissions that each command has; `exec` lets signals reach the product.
CMD ["sh", "-c", "deno task migrate && exec deno task start"]
