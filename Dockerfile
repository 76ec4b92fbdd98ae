# The image holds one static binary and nothing else of ours. make image assembles it
# without Docker; tools/image keeps the two alike.
FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION=devel COMMIT=unknown
RUN tools/build.sh /sidecar-injector

FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=devel COMMIT=unknown
LABEL org.opencontainers.image.title="sidecar-injector" \
      org.opencontainers.image.description="A mutating admission webhook that adds sidecars to pods from typed templates." \
      org.opencontainers.image.source="https://github.com/sidecar-injector/sidecar-injector" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
COPY --from=build /sidecar-injector /sidecar-injector
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/sidecar-injector"]
CMD ["serve"]
