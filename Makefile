# Everything here runs with Go alone, but for what `make bench` says it lacks.

GO          ?= go
STATICCHECK ?= $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 60s
# A test that hangs is ended; by go test's own ten minutes a machine that is slow or busy would be too.
TIMEOUT     ?= -timeout 45m
# Packages that run goroutines of their own: these are tested again under the race detector.
RACE        ?= ./internal/source ./internal/format ./internal/forest ./internal/filter ./internal/hunt ./internal/partition ./internal/export ./internal/beacon ./internal/cluster ./internal/mapreduce ./internal/engine ./internal/storetest ./internal/mongo
BENCHFLAGS  ?=
CRASHES     ?= 200

.DEFAULT_GOAL := build
.PHONY: build demo test test-mongo bench-mongo test-cluster compare-spark check bench fuzz fmt vet lint imports docs race fuzz-short crash clean help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/weir
	$(GO) build -trimpath -o bin/weir ./cmd/weir

demo: ## a generated break-in, found; demo.html is its report
	$(GO) run ./cmd/weir demo --report demo.html

# go test shows what a skipped test says only with -v, so what will be skipped is said here.
test: ## every test
	@if [ ! -d "$${WEIR_SHARED:-../shared}/data/incidents" ]; then \
	  echo "*** NOT TESTED: the quality of rankings, for want of $${WEIR_SHARED:-../shared}/data/incidents"; fi
	@command -v jq >/dev/null || echo "*** NOT TESTED: the examples of docs/json.md that need jq"
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	  echo "*** NOT TESTED: reports in a browser, for want of Chromium"
	@/usr/bin/python3 -c 'import sklearn, mlpy' 2>/dev/null || \
	  echo "*** NOT TESTED: whether the oracles are what scikit-learn and mlpy say, for want of python3-sklearn and python3-mlpy"
	@"$${WEIR_PYTHON:-/usr/bin/python3}" -c 'import sklearn, pandas, pyarrow, duckdb' 2>/dev/null || \
	  echo "*** NOT TESTED: all scripts of docs/python.md and docs/lake.md, for want of scikit-learn, pandas, pyarrow or duckdb"
	$(GO) test $(TIMEOUT) ./...

test-mongo: ## the MongoDB store against FerretDB, and the server in WEIR_TEST_MONGODB
	@echo "== the MongoDB store"
	@[ -n "$$WEIR_TEST_MONGODB" ] || echo "*** NOT TESTED: the store on a real mongod, for want of WEIR_TEST_MONGODB"
	@if (cd test/mongo && $(GO) mod download); then cd test/mongo && $(GO) vet . && $(GO) test -count=1 $(TIMEOUT) .; \
	  elif [ "$$CI" = true ]; then echo "the modules of test/mongo cannot be had"; exit 1; \
	  else echo "*** NOT TESTED: the MongoDB store, for want of the modules of test/mongo"; fi

bench-mongo: ## ingest into MongoDB against plain inserts by the driver, on FerretDB and the server in WEIR_TEST_MONGODB
	cd test/mongo && WEIR_MONGO_SPEED=$${WEIR_MONGO_SPEED:-20000} $(GO) test -count=1 -v -timeout 30m -run TestSpeed .

# Hadoop comes from Maven Central and Spark from PyPI, into ~/.cache/weir (WEIR_CACHE).
test-cluster: ## weir on a small Hadoop cluster and on Spark (needs a JDK 17, Maven, Python, kinit)
	@echo "== Hadoop and Spark"
	@command -v kinit >/dev/null || echo "*** NOT TESTED: Kerberos, for want of kinit (krb5-user)"
	@missing=; for c in java javac mvn python3; do command -v $$c >/dev/null || missing="$$missing $$c"; done; \
	  if [ -n "$$missing" ] && [ "$$CI" = true ]; then echo "Hadoop and Spark cannot be tested for want of$$missing"; exit 1; \
	  elif [ -n "$$missing" ]; then echo "*** NOT TESTED: weir on Hadoop and on Spark, for want of$$missing"; \
	  else set -ex; test/hadoop/cluster install; test/spark/install; WEIR_TEST_CLUSTER=1 $(GO) test -count=1 -timeout 120m ./test/cluster; fi

compare-spark: ## weir on Spark against Spark's own naive Bayes, as a ratio
	test/spark/compare

check: fmt vet lint imports docs race fuzz-short ## every gate that a change has to pass besides make test

fmt: ## gofmt has nothing to say
	@echo "== gofmt"
	@out=$$(gofmt -l $$(find . -name '*.go' -not -path './.git/*')); \
	  if [ -n "$$out" ]; then echo "not formatted; run gofmt -w on:"; echo "$$out"; exit 1; fi

vet:
	@echo "== go vet"
	$(GO) vet ./...

lint:
	@echo "== staticcheck"
	$(STATICCHECK) ./...

imports: ## who may import whom (internal/architecture)
	@echo "== import rules"
	$(GO) test -count=1 $(TIMEOUT) ./internal/architecture

docs: ## every command block of README and docs
	@echo "== commands in the documentation"
	$(GO) test $(TIMEOUT) ./test/docs

race: ## tests of concurrent packages under the race detector (needs a C compiler)
	@echo "== race detector"
	@if [ "$$($(GO) env CGO_ENABLED)" = 1 ]; then set -ex; $(GO) test -race -short $(TIMEOUT) $(RACE); \
	    $(GO) test -race -short $(TIMEOUT) -run 'AtOnce|Follow|Forget|Steps|Kept' ./internal/lake; \
	    $(GO) test -race -short $(TIMEOUT) -run 'Scripts/(hunt$$|hunt_json|lake$$|mark_lake|query|label$$|filter$$|replay|beacons|cluster|related$$)|Label|Resume|Teachers' ./cmd/weir; \
	  elif [ "$$CI" = true ]; then echo "the race detector needs cgo and a C compiler"; exit 1; \
	  else echo "SKIPPED: the race detector needs cgo and a C compiler"; fi

fuzz-short:
	@echo "== every fuzzer for 3 s"
	@GO=$(GO) .ci/fuzz 3s

fuzz: ## every fuzzer for FUZZTIME (default 60s)
	@GO=$(GO) .ci/fuzz $(FUZZTIME)

crash: ## ingest and training killed CRASHES times (default 200) at random moments: nothing lost, nothing doubled
	WEIR_CRASHES=$(CRASHES) $(GO) test -count=1 -v $(TIMEOUT) -run TestKilledAtRandomMoments ./internal/lake

bench: ## the table of quality and speed, as Markdown
	$(GO) run ./bench $(BENCHFLAGS)

clean:
	rm -rf bin
