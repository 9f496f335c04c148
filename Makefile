PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install demo run chat test test-install lint bench audit soak screenshots translations language understanding font lock

help: ## Show this help.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/installed ## Create .venv with everything; .venv/bin/giftdesk then works.

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say PYTHON=... to name one")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: install ## The bot with stand-ins of all vendors and of LINE and Messenger.
	$(BIN)/giftdesk demo

run: install ## The bot with your credentials from .env (the same as `giftdesk serve`).
	$(BIN)/giftdesk serve

chat: install ## Talk to the running demo; ARGS="--as messenger --lang en" for other people.
	@$(BIN)/giftdesk chat $(ARGS)

# Four at a time on two cores, since much of it waits for a browser, a killed process or a database. In the order of
# the tree, which ends with many short files: the other order leaves the slowest few for the end, one beside nothing.
test: install ## Everything that must hold; some eleven minutes on two cores.
	$(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder $(or $(ARGS),-p tests.covered)

test-install: install ## What must hold elsewhere: the wheel as another user, a backup, an upgrade; some minutes.
	$(BIN)/python -m pytest -q -m install tests/install $(ARGS)

lint: install ## Style, types and the direction of imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m bot.understanding.training --check

bench: install ## Measure, side by side with the peers; the table is also written to var/bench.json.
	$(BIN)/python -m bench $(ARGS)

audit: install ## Known weaknesses of what a server runs, and its bill of materials in var/sbom.json.
	$(BIN)/python deploy/audit.py

soak: install ## The long ones: hundreds of kills, floods.
	$(BIN)/python -m pytest -q -m soak $(ARGS)

screenshots: install ## Take the README's pictures of the simulator anew (needs Chromium).
	PYTHONPATH=tests $(BIN)/python -m simulator.screenshots

translations: install ## Take new and changed texts of the code into every catalogue.
	$(BIN)/pybabel --quiet extract -F pyproject.toml -k N_ --no-location --add-comments=Translators: --sort-output \
		--project=Giftdesk --version=1 --copyright-holder="the Giftdesk authors" \
		--msgid-bugs-address="the project's issues" --output-file=locales/messages.pot .
	$(BIN)/pybabel --quiet update --input-file=locales/messages.pot --output-dir=locales --no-fuzzy-matching \
		--ignore-pot-creation-date --ignore-obsolete --width=110

language: install ## Begin a new language: make language L=vi
	$(BIN)/pybabel --quiet init --input-file=locales/messages.pot --output-dir=locales --locale=$(L)
	$(BIN)/python -m bot.understanding.training --begin $(L)

understanding: install ## Teach the recogniser what stands in locales/*/phrases*.txt; about a minute.
	$(BIN)/python -m bot.understanding.training

font: install ## Renew the font of the menus' pictures; FROM= names Noto Sans CJK Bold (.ttc) where it is not found.
	$(BIN)/python -m bot.cli.font $(FROM)

# The second has what a server needs and nothing else, in the versions of the first.
lock: LOCK = uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url --no-header
lock: ## Renew requirements.lock and requirements.runtime.lock (needs uv).
	$(LOCK) --group dev --output-file requirements.lock pyproject.toml
	$(LOCK) --no-annotate --constraint requirements.lock --output-file requirements.runtime.lock pyproject.toml
