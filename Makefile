# The daily commands. `make serve` needs Python 3.11 or newer and a package index, nothing else.
PYTHON ?= python3
BIN := .venv/bin
export BENTOML_DO_NOT_TRACK := True

.DEFAULT_GOAL := help
.PHONY: help serve install install-dev system test check format lock readme bento bench loadtest tune parity bench-engines peers bench-accuracy faults fairness fuzz soak ui check-ui bench-ui image-test kubernetes-check compose-check clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: install ## the service on port 3000 (RANER_PORT), with the embedded model
	@$(BIN)/bentoml serve service:Raner

install: .venv/serve ## what `make serve` needs

install-dev: .venv/dev ## what `make test` needs

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "raner: Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv

# --no-deps: the locks are complete, and requirements/overrides.txt says where they decide against a package's word.
.venv/serve: requirements/serve.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/serve.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/dev: requirements/dev.txt pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@ .venv/serve

# Locust alone, in the version that the tests run with.
.venv/loadtest: .venv/serve requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements/dev.txt locust
	@touch $@

system: ## Debian packages that the tests need (a browser, fonts, Redis)
	@scripts/system

test: install-dev system ## all tests but the slow proofs
	$(BIN)/python -m pytest

check: install-dev ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: install-dev ## format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: install-dev ## write the locks anew from pyproject.toml
	scripts/lock

bento: install ## a bento in BentoML's store (BENTOML_HOME), built offline
	@scripts/bento

readme: install ## write the generated parts of the READMEs anew: settings, the real answer
	$(BIN)/python -m scripts.readme

parity: install-dev ## ModelScope's own pipeline beside ours on a thousand texts a checkpoint; INT8 at the base geometry
	$(BIN)/python -m pytest -m parity

faults: install-dev ## what kills, hangs and overloads the service, and swaps of the model under load (half an hour)
	$(BIN)/python -m pytest -m faults -s tests/faults

fairness: install-dev ## short texts beside a document of 100,000 characters
	$(BIN)/python -m pytest -m faults -s tests/faults/test_fairness.py

fuzz: install-dev ## what the OpenAPI document promises, with RANER_FUZZ_EXAMPLES (1000) examples, and malformed bodies
	RANER_FUZZ_EXAMPLES=$${RANER_FUZZ_EXAMPLES:-1000} $(BIN)/python -m pytest -s tests/test_fuzz.py tests/test_monitoring.py

soak: install-dev ## mixed load for RANER_SOAK_MINUTES (10): no error, memory flat
	$(BIN)/python -m pytest -m soak -s tests/faults

bench: install ## speed, from the engine up to HTTP
	$(BIN)/raner bench

bench-engines: install-dev ## the base geometry: FP32, INT8, OpenVINO and the stock ModelScope pipeline; memory
	$(BIN)/python -m benchmarks.engines --json build/engines.json

# LAC's setup asks for setuptools without declaring it, so that comes first.
.work/peers/installed: benchmarks/accuracy/requirements.txt
	$(PYTHON) -m venv .work/peers
	.work/peers/bin/pip install --quiet --disable-pip-version-check -c $< setuptools wheel
	.work/peers/bin/pip install --quiet --disable-pip-version-check --no-build-isolation -r $<
	@touch $@

peers: .work/peers/installed ## jieba and LAC, in an environment of their own

bench-accuracy: install-dev peers ## accuracy beside jieba and LAC, on DATA=../shared/data (the corpora are not in this repository)
	$(BIN)/python -m benchmarks.accuracy --data $(or $(DATA),../shared/data)

loadtest: .venv/loadtest ## a minute of load, answers checked, report (RANER_URL, SHAPE, USERS, SECONDS)
	@$(BIN)/python -m loadtest.run $(if $(RANER_URL),--url $(RANER_URL)) $(if $(SHAPE),--shape $(SHAPE)) \
		$(if $(USERS),--users $(USERS)) $(if $(SECONDS),--seconds $(SECONDS))

tune: .venv/loadtest ## the worker count that serves best on this machine
	@$(BIN)/python -m loadtest.tuner $(if $(USERS),--users $(USERS)) $(if $(SECONDS),--seconds $(SECONDS))

ui: ## build the style sheet of the page from web/styles (needs npm)
	cd web && npm ci --silent --no-fund --no-audit && npm run --silent build

check-ui: ## check the types, unit tests and style sheet of the page (needs npm)
	cd web && npm ci --silent --no-fund --no-audit && npm run --silent check

bench-ui: install-dev system ## measure the page with 100,000 characters and 5,000 entities in a browser
	$(BIN)/python -m pytest tests/browser/bench_page.py

image-test: install ## the OCI image, built and proved without Docker (root, debootstrap, buildah, podman, runc)
	@scripts/image-test

kubernetes-check: install-dev ## validate the Kubernetes manifests offline (needs kubectl)
	$(BIN)/python -m scripts.kubernetes_check

compose-check: install-dev ## validate deploy/compose offline
	$(BIN)/python -m scripts.compose_check

clean: ## remove what was built, not the environment
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .hypothesis loadtest/reports
