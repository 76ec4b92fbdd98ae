# The tasks of this repository. make help lists them.

VERSION ?= $(shell git describe --tags --dirty 2>/dev/null || echo devel)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
FUZZTIME ?= 20s

# Tests compile packages the way tools/build.sh does, so that each is compiled once.
export CGO_ENABLED := 0
export GOFLAGS := $(GOFLAGS) -trimpath
export VERSION COMMIT
# The processor that an image is for.
ARCH ?= $(shell go env GOARCH)
PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64
IMAGE ?= ghcr.io/sidecar-injector/sidecar-injector
# When the sources were last changed: the time of everything in an image or archive.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

# Modules beside the product's, so that they do not choose its versions. What their tests look at
# lies outside of them, where the go command does not notice changes: -count 1, no cached results.
modules := tools/image test/monitoring

binary := bin/sidecar-injector
# Shows on a terminal how much of the packages is compiled.
compile := go run ./cmd/sidecar-injector/progress/compile
page := cmd/sidecar-injector/playground/page
linter := bin/golangci-lint
benchstat := bin/benchstat
controllergen := bin/controller-gen
baseline := test/bench/baseline.txt
# Short, and often enough for benchstat.
stages := go test -run '^$$' -bench Stage -benchmem -benchtime 50ms -count 6 ./webhook/inject
# The rooms in which goroutines meet.
concurrent := ./templates ./templates/expression ./templates/load ./templates/source ./webhook/...
# Loading and rendering a template is the work of one goroutine; these count how much, and under the detector it is much.
counting := LargestTemplates|TwiceTheSize|TwiceThePod|AllRenderings|WhatEachRepeats|LimitsOfATemplate|HaveOneBudget|ABudgetOfTheirOwn|NotStarved|LeaveRoom|DoNotEarn|ReachTheEnd

# The oldest Kubernetes that the README promises.
oldest := 1.29
# What the answer to it depends on, beside the golden cases.
skew := test/controlplane/skew.sum
skew-inputs := $(sort $(wildcard charts/sidecar-injector/templates/*.* templates/builtin/*.yaml)) test/cluster/go.mod test/cluster/go.1.29.mod \
	$(filter-out %_test.go,$(wildcard webhook/*.go webhook/inject/*.go templates/release/*.go))
skew-sum = { grep k8s.io/ go.mod; cat $(skew-inputs); } | sha256sum | cut -d ' ' -f 1

.PHONY: help demo build image playground page pictures test-playground test test-alerts test-costs cluster-binaries test-controlplane test-skew controlplane node node-down test-node soak race lint generate manifests plugins release release-version fuzz costs bench bench-compare bench-baseline bench-apiserver performance clean

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 20

demo: build ## one pod through the real webhook, on this machine, without a cluster
	@go run ./test/demo -binary $(binary)

build: ## bin/sidecar-injector
	$(compile) tools/build.sh $(binary)

image: ## dist/image.tar for docker load, ctr image import, kind load image-archive; ARCH=arm64 for that processor
	TARGETOS=linux TARGETARCH=$(ARCH) $(compile) tools/build.sh dist/linux-$(ARCH)/sidecar-injector
	cd tools/image && go run . -binary ../../dist/linux-$(ARCH)/sidecar-injector -o ../../dist/image.tar \
	  -tag $(IMAGE):$(VERSION:v%=%) -version $(VERSION) -commit $(COMMIT) -epoch $(SOURCE_DATE_EPOCH)

playground: ## dist/playground: the playground as static files, its engine as WebAssembly
	go run ./cmd/sidecar-injector/playground/static -o dist/playground

# What the tests look at lies outside of their module: no cached results.
test-playground: build playground $(page)/node_modules ## the playground in a browser, static and served; needs Chromium, and npm for axe
	go -C test/playground test -count 1 -timeout 20m .

pictures: generate playground ## docs/images: the drawings, and the playground as it looks today; needs Chromium
	go -C test/playground test -count 1 -run '^TestPictures$$' . -pictures ../../docs/images

$(page)/node_modules: $(page)/package-lock.json
	cd $(page) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

# npm has no part in building the program: what it makes of the editor's packages is committed.
page: $(page)/node_modules ## the page's editor from npm's packages, and the page's types checked; needs npm
	cd $(page) && npm run --silent bundle && npm run --silent check

# Helm is compiled first, and the time limits are long: a cold machine compiles for several packages' tests at once.
test: ## all tests that need no cluster, but for those of the alerts
	@cd tools && go tool -n helm >/dev/null
	go test -timeout 30m ./...
	go -C tools/image test -count 1 ./...

test-alerts: ## the alerts and the dashboard, by Prometheus' own engine, which is compiled with the libraries of every cloud
	go -C test/monitoring test -count 1 -timeout 20m ./...

cluster-binaries: ## Kubernetes, built from its modules into the user's cache, once per version
	@cd test/cluster && go run .

# These tests wait more than they compute: three shares of them run at the same time, each on a control plane of
# its own. What the first two do not name is the third.
share-1 := Keeper|RightOfTheRole|Thousand
share-2 := Rollout|MayChangeWho|CheckNames|NothingChanges|Budgets
run-shares = cd test/controlplane && printf '%s\n' '-test.run=$(share-1)' '-test.run=$(share-2)' '-test.skip=$(share-1)|$(share-2)' | \
  xargs -P 3 -I SHARE ../../bin/controlplane.test -test.parallel 8 SHARE

test-controlplane: controlplane ## on a real API server, built first where it is lacking; on the oldest promised too if that may differ
	cd test/cluster && go test .
	$(run-shares)
	@if [ "$$($(skew-sum))" = "$$(cat $(skew))" ]; then \
	  echo "Kubernetes $(oldest): not run, for neither versions, chart, built-in templates nor patch code changed since it passed ($(skew)); make test-skew runs it"; \
	else $(MAKE) --no-print-directory test-skew; fi

test-skew: controlplane ## the same suite, reduced, on Kubernetes 1.29, the oldest that the README promises
	$(run-shares) -kubernetes $(oldest) -pods 100
	@$(skew-sum) > $(skew)

controlplane:
	go build -o bin/controlplane/sidecar-injector ./cmd/sidecar-injector
	go test -c -tags controlplane -o bin/controlplane.test ./test/controlplane

# The node's own processes outlive make node, so they have to be taken away.
node: ## a real node with the injector on it, left up; needs root
	@cd test/node && go run . up

node-down: ## takes away the node that make node has left up, or a killed run
	@cd test/node && go run . down

# No package is named, so that the go command shows what the tests report although they pass.
test-node: ## the injector and every sidecar on a real node, by effect; needs root
	go -C test/node test ./standins/...
	go -C test/node test -count 1 -parallel 8 -timeout 40m

# Each fault takes 25 s of load, and then some until all is well again.
soak: ## 3,000 pods on a real node while one thing after another goes wrong, into docs/reliability.md; about 12 minutes, needs root
	go -C test/node test -count 1 -timeout 40m -v -run '^TestSoak$$' . -soak 25s

race: ## the tests of the concurrent rooms under the race detector
	CGO_ENABLED=1 go test -race -timeout 30m -skip '$(counting)' $(concurrent)

lint: $(linter) ## gofmt, go vet, golangci-lint and actionlint
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -d $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	$(linter) run --allow-parallel-runners
	$(linter) run --allow-parallel-runners --build-tags controlplane ./test/controlplane
	for module in $(modules) test/node test/playground; do (cd $$module && ../../$(linter) run --allow-parallel-runners) || exit 1; done
	cd tools && go tool actionlint ../.github/workflows/*.yaml
	@! grep -LE '^permissions: \{\}$$' .github/workflows/*.yaml | grep . || { echo 'begin with permissions: {}, and give each job those that it needs'; exit 1; }
	@! grep -nE 'uses: ' .github/workflows/*.yaml | grep -vE '@[0-9a-f]{40} # v' || { echo 'pin each action to a commit, and say its version: owner/name@COMMIT # v1.2.3'; exit 1; }

$(linter): tools/go.mod tools/go.sum
	go build -C tools -o ../$(linter) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

generate: build $(controllergen) ## rewrite the files that a program writes
	$(controllergen) object crd paths=./templates/v1alpha1 output:crd:dir=charts/sidecar-injector/files/crds
	$(binary) templates schema > docs/sidecar-template.schema.json
	$(binary) templates schema --case > docs/sidecar-case.schema.json
	go run ./test/chart/readme charts/sidecar-injector
	go run ./test/pictures -sequence docs/images/path.txt docs/images/path.svg
	go run ./test/pictures -terminal docs/images/explain.svg $(binary) explain -f examples/web-server/deployment.yaml
	cd tools && go run ./fields ../templates/release/fields.go

# For the oldest Kubernetes: what newer ones have beside that can be done without.
manifests: ## dist/install.yaml, for people without Helm
	@mkdir -p dist
	@{ printf 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: sidecar-injector\n'; \
	  go -C tools tool helm template sidecar-injector ../charts/sidecar-injector --namespace sidecar-injector --skip-tests --kube-version $(oldest).0; } > dist/install.yaml

plugins: ## dist/kubectl-sidecar_injector-OS-ARCH.tar.gz for PLATFORMS
	@set -e; for platform in $(PLATFORMS); do \
	  os=$${platform%/*} arch=$${platform#*/} suffix=; if [ $$os = windows ]; then suffix=.exe; fi; \
	  plugin=kubectl-sidecar_injector folder=dist/$$os-$$arch; \
	  TARGETOS=$$os TARGETARCH=$$arch tools/build.sh $$folder/$$plugin$$suffix; \
	  cp LICENSE $$folder; \
	  tar --sort=name --owner=0 --group=0 --numeric-owner --mode=a+rX,u+w,go-w --mtime=@$(SOURCE_DATE_EPOCH) \
	    -C $$folder -cf - LICENSE $$plugin$$suffix | gzip -9n > dist/$$plugin-$$os-$$arch.tar.gz; \
	  echo dist/$$plugin-$$os-$$arch.tar.gz; \
	done

release: release-version manifests plugins ## everything of a release but the image: chart, install.yaml, plugins, checksums
	go -C tools tool helm package ../charts/sidecar-injector --destination ../dist
	cd dist && sha256sum install.yaml *.tgz *.tar.gz > SHA256SUMS

# The chart names its program's version, and dist/install.yaml with it the image's.
release-version:
	@chart=$$(sed -n 's/^appVersion: //p' charts/sidecar-injector/Chart.yaml); [ "v$$chart" = "$(VERSION)" ] || \
	  { echo "release $(VERSION): Chart.yaml says appVersion $$chart"; exit 1; }

fuzz: ## every fuzz target for FUZZTIME (20s); the executions go to test/fuzz/executions.log and docs/reliability.md
	go run ./test/fuzz -time $(FUZZTIME)

test-costs: ## the table of cost laws: builds everything once more, with counters
	go test -count 1 -timeout 40m -tags costs ./test/costs

costs: ## what the dearest input costs for each byte, the largest requests (into docs/security.md), memory after 50,000 hostile ones
	go test -run '^$$' -bench WorstPerByte -benchtime 1x ./test/costs
	go run ./test/costs -write docs/security.md
	go run ./test/costs memory

bench: ## the benchmarks of each stage, then the load run with its floors
	go test -run '^$$' -bench . -benchmem ./webhook/inject ./webhook
	go run ./test/bench

bench-compare: $(benchstat) ## the stages now and as last recorded: times count only on one machine, allocations anywhere
	@mkdir -p bin
	$(stages) > bin/bench.txt
	$(benchstat) -ignore cpu $(baseline) bin/bench.txt

bench-baseline: ## record the stages for bench-compare
	@mkdir -p bin
	$(stages) > bin/bench.txt
	cp bin/bench.txt $(baseline)

bench-apiserver: ## pods created through a real API server, with and without the injector (builds the API server first: long)
	go test -tags controlplane,latency -run TestCreatingAPodWithAndWithoutUs -count 1 -timeout 60m ./test/controlplane
	go run ./test/bench apiserver bin/apiserver.jsonl

# On a machine that has nothing else to do; about ten minutes once the API server is built.
performance: controlplane bench-apiserver bench-baseline ## every figure of docs/performance.md anew, and ten thousand templates, then pods, in one cluster
	cd test/controlplane && ../../bin/controlplane.test -test.run ThousandsOfTemplates -templates 10000
	cd test/controlplane && ../../bin/controlplane.test -test.run StatusAndPlan -fleet 10000
	go run ./test/bench -write docs/performance.md -raw bin/load.jsonl
	go run ./test/bench simulate -write docs/performance.md -raw bin/simulation.json
	go run ./test/bench apiserver -write docs/performance.md bin/apiserver.jsonl

$(controllergen): tools/go.mod tools/go.sum
	go build -C tools -o ../$(controllergen) sigs.k8s.io/controller-tools/cmd/controller-gen

$(benchstat): tools/go.mod tools/go.sum
	go build -C tools -o ../$(benchstat) golang.org/x/perf/cmd/benchstat

clean: ## remove what was built
	rm -rf bin dist
