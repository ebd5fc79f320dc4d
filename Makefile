# Readers Asked. `make` lists the targets.

PYTHON ?= python3
BIN := .venv/bin
PORT ?= 8000
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard app/translations/*/LC_MESSAGES/*.po))
# Without cached bytecode, each of the hundreds of processes that the tests start would compile the program again.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(BIN)/python -m pytest
# Functions that mark a text for translation, besides gettext's own. The test of the catalogues reads this line too.
KEYWORDS := _l

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install run test test-security test-ghost clocks quick check style bench migration words lock audit licences programs format pictures first-edition

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS="$$(printf '\t')" read -r name words; do printf '  make %-13s %s\n' "$$name" "$$words"; done

EXTRAS ?=
install: .venv/runtime $(EXTRAS:%=.venv/extra-%) $(CATALOGUES) $(BIN)/readers-asked ## install what it needs into .venv; EXTRAS="dns semantic" adds these extras

# CLOCK=new-year shows the demo at that moment, with its own data.
CLOCK ?=
THEN := $(CURDIR)/build/demo-$(CLOCK)
AT_CLOCK = $(if $(CLOCK),env DATABASE_URL="sqlite:///$(THEN)/newsroom.db" MAIL_FOLDER="$(THEN)/mail" ERASURES="$(THEN)/erasures" \
	$(BIN)/python -m tests.support.clock "$(CLOCK)")
run: .venv/$(if $(CLOCK),development,runtime) $(CATALOGUES) $(BIN)/readers-asked ## run the demo newsroom at http://127.0.0.1:8000 (PORT=8001 for another port); Ctrl-C stops it
	@$(if $(CLOCK),mkdir -p "$(THEN)")
	@PORT=$(PORT) exec $(AT_CLOCK) $(BIN)/python -m demo.serve

# The tests of a file run in one worker, because they share fixtures, and the longest files come first. There is one worker
# more than cores, because some tests wait for processes that they kill, or for a browser.
TOGETHER := -n $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )) --dist loadfile --no-loadscope-reorder

test: .venv/development $(CATALOGUES) programs ## run all tests, on SQLite and PostgreSQL, with a real browser
	$(PYTEST) $(TOGETHER)

# No more than one process per core: some of these tests measure response times.
test-security: .venv/development $(CATALOGUES) programs ## run the tests of attacks, on SQLite and PostgreSQL, and print threats, attempts and results
	$(PYTEST) -n $$(getconf _NPROCESSORS_ONLN) --dist loadfile --no-loadscope-reorder -q --threats

test-ghost: .venv/development $(CATALOGUES) programs ## test drafts in a real Ghost, which is fetched and built once (npm, g++; some minutes)
	$(PYTEST) -q -m ghost tests/journeys/test_drafts.py

# Tests that dates can affect. The browser and PostgreSQL would add nothing here.
DATED := answers audit demo desk editions entrance expert letters mail/test_outbox.py newsletters people programs \
	questions reader translator workflows house/test_clock.py house/test_formatting.py house/test_rotation.py house/test_years_later.py
clocks: .venv/development $(CATALOGUES) programs ## run the tests that dates can affect, at twelve moments: New Year, 29 February, past a cut-off ... (half an hour)
	@clocks=$$($(BIN)/python -m tests.support.clock) && test -n "$$clocks" || exit 1; failed=; for clock in $$clocks; do \
	echo "== $$clock"; \
	CLOCK=$$clock $(PYTEST) $(TOGETHER) -q -m "not browser" -k "not postgresql" $(DATED:%=tests/%) || failed="$$failed $$clock"; \
	done; test -z "$$failed" || { echo "failed at:$$failed"; exit 1; }

# Folders that test pages, processes and the whole installation, and files elsewhere that take more than a few seconds.
SLOW := audit backup demo deploy desk doctor entrance expert house journeys newsletters reader translator watching \
	answers/test_ladder.py mail/test_delivery_faults.py mail/test_files.py mail/test_parse_hostile.py mail/test_reading.py \
	mail/test_sign_ins.py mail/test_signatures.py mail/test_trim_cli.py mail/test_trim_time.py mailroom/test_commands.py \
	mailroom/test_forwarding.py mailroom/test_intake_faults.py mailroom/test_large_mails.py mailroom/test_letters_by_mail.py \
	mailroom/test_mail_by_token.py mailroom/test_mail_recipes.py mailroom/test_placing*.py mailroom/test_real_servers.py \
	mailroom/test_ways_in*.py people/test_permissions.py questions/test_merging.py typesetting/test_same_words.py \
	workflows/test_*_undo*.py workflows/test_digest.py workflows/test_forgetting.py workflows/test_insights.py \
	workflows/test_who_is_told.py

quick: .venv/development $(CATALOGUES) ## run the tests that fit into a minute: the nouns and mail, on SQLite, without pages
	$(PYTEST) $(TOGETHER) -q -m "not browser" -k "not postgresql" $(SLOW:%=--ignore-glob='tests/%')

check: style ## run `make style` and check the house rules
	$(PYTEST) -q tests/house/test_house_rules.py tests/house/test_lifecycle.py \
		tests/house/test_dependencies.py tests/house/test_layout.py tests/house/test_macros.py tests/house/test_states.py \
		tests/house/test_word_tables.py

style: .venv/development ## check style, types, import direction and templates
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/djlint --lint --quiet app/templates app/mail/templates app/typesetting/templates

format: .venv/development ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

BENCH ?=
bench: .venv/development $(CATALOGUES) ## measure the performance goals, next to earlier figures: BENCH="--questions 1000 --seconds 0.5 --json"
	$(BIN)/python -m bench $(BENCH)

pictures: .venv/development $(CATALOGUES) programs ## retake the README's screenshots from the demo newsroom
	$(BIN)/python -m demo.pictures

first-edition: .venv/development $(CATALOGUES) programs ## follow README and docs word for word on a bare Debian, up to a sent edition (root, some minutes)
	$(BIN)/python -m tests.support.first_edition

# The draft is made on a temporary database, migrated for this purpose; no settings are needed.
DRAFT := build/draft.db
migration: .venv/development ## draft a migration from the models: make migration M="what changes"
	@mkdir -p build && rm -f $(DRAFT)*
	@$(BIN)/alembic -x url=sqlite:///$(DRAFT) upgrade head
	@$(BIN)/alembic -x url=sqlite:///$(DRAFT) revision --autogenerate --rev-id "$$(printf '%04d' $$(( $$(ls migrations/versions | sed -n 's/^0*\([1-9][0-9]*\)_.*py$$/\1/p' | sort -n | tail -1) + 1 )))" -m "$(M)"
	@$(BIN)/ruff check -q --fix migrations/versions; $(BIN)/ruff format -q migrations/versions

words: .venv/development ## update the catalogues of app/translations from the code and the templates
	@mkdir -p build
	@$(BIN)/pybabel -q extract -F babel.cfg $(KEYWORDS:%=-k %) --project "Readers Asked" --sort-output --no-location -o build/messages.pot app
	@$(BIN)/pybabel -q update -d app/translations -i build/messages.pot --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date -w 120

PINNED := --universal --generate-hashes --no-header --python-version 3.11
lock: ## re-pin all dependencies, with hashes (needs uv)
	uv pip compile pyproject.toml $(PINNED) -o requirements/runtime.txt
	uv pip compile pyproject.toml --extra oidc -c requirements/runtime.txt $(PINNED) -o requirements/oidc.txt
	uv pip compile pyproject.toml --extra dns -c requirements/runtime.txt $(PINNED) -o requirements/dns.txt
	uv pip compile pyproject.toml --extra sentry -c requirements/runtime.txt $(PINNED) -o requirements/sentry.txt
	uv pip compile pyproject.toml --extra encryption -c requirements/runtime.txt $(PINNED) -o requirements/encryption.txt
	uv pip compile pyproject.toml --extra semantic -c requirements/runtime.txt $(PINNED) -o requirements/semantic.txt
	uv pip compile --group build -c requirements/runtime.txt $(PINNED) -o requirements/build.txt
	uv pip compile pyproject.toml --all-extras --group dev -c requirements/runtime.txt $(PINNED) -o requirements/development.txt

# The command exits with 3 if it had no advisory data, and with 1 if it found a vulnerability; make then exits with 2 and prints which.
ADVISORIES ?=
audit: .venv/development ## look for known vulnerabilities in the locked dependencies, at PyPI; ADVISORIES=all.zip uses a copy of OSV's or PyPA's data
	$(BIN)/python -m tests.support.dependency_audit $(if $(ADVISORIES),--advisories "$(ADVISORIES)")

licences: .venv/development ## rewrite docs/licences.md from what is locked and installed
	$(BIN)/python -m tests.support.dependency_licences

# Debian's packages, never a download by the test tools. If one can't be installed, the tests that need it say so. Chromium's
# headless shell needs half the time of Chromium, which sometimes never closes a page; older releases of Debian lack it.
programs:
	@as_root=; [ "$$(id -u)" = 0 ] || as_root="sudo -n"; \
	for choice in "chromium-headless-shell chromium" firefox-esr faketime; do found=; \
	for package in $$choice; do \
	if command -v $$package >/dev/null; then found=yes; break; fi; \
	if command -v apt-get >/dev/null && $$as_root apt-get install -qq -y --no-install-recommends $$package >/dev/null 2>&1; \
	then found=yes; echo "$$package was installed for the tests"; break; fi; done; \
	[ -n "$$found" ] || echo "WARNING: no $$package, and it could not be installed (apt-get install $$package): tests that need it are skipped"; done

# If pip fails, it prints many lines; the last one is ours.
fetch = $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1) || \
	{ echo "The packages in $(1) could not be installed (see pip's message above). Is there a network connection, and free disk space?"; exit 1; }

%.mo: %.po
	@$(BIN)/pybabel -q compile -i $< -o $@

.venv/runtime: requirements/runtime.txt | .venv/bin/pip
	@echo "Installing the dependencies (once)"
	@$(call fetch,$<)
	@touch $@

.venv/extra-%: requirements/%.txt | .venv/runtime
	@echo "Installing the extra $* (once)"
	@$(call fetch,$<)
	@touch $@

$(BIN)/readers-asked: Makefile | .venv/bin/pip
	@printf '#!/bin/sh\nexec "%s/$(BIN)/python" "%s" "$$@"\n' "$(CURDIR)" "$(CURDIR)" > $@
	@chmod +x $@

.venv/development: requirements/development.txt | .venv/bin/pip
	@echo "Installing the dependencies for development (once)"
	@$(call fetch,$<)
	@touch $@

.venv/bin/pip:
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: install Python 3.11 to 3.14 (Debian: apt-get install python3 python3-venv)"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' || { echo "$$($(PYTHON) --version) is not supported: install Python 3.11 to 3.14 (make PYTHON=python3.12 ...)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv is missing: apt-get install python3-venv (the name on Debian and Ubuntu)"; exit 1; }
	@test -w . || { echo "The folder $(CURDIR) is not writable: use one of your own"; exit 1; }
	@$(PYTHON) -m venv .venv
