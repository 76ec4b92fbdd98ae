# The image holds one static binary and nothing else.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel COMMIT=unknown
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" \
    -o /sidecar-injector ./cmd/sidecar-injector

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /sidecar-injector /sidecar-injector
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
ENTRYPOINT ["/sidecar-injector"]
CMD ["serve"]
