# Two commands on a fresh machine:  make demo   make test
#
# Both set up .venv/ as they need it. Packages are installed again only where setup.cfg or pyproject.toml has changed,
# so a second run starts in seconds and needs no network.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$p; break; fi; done)
VENV_PYTHON = .venv/bin/python
ROOMS = telephony asr emotion router config nabra benchmarks
# extra arguments of `make demo` and `make test`, as in: make test ARGS="-k records"
ARGS ?=

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test lint kernels clean

help:
	@echo "make demo   set up, then route sample calls live in this terminal"
	@echo "make test   set up, then run every test (with a real Asterisk where it may be installed)"
	@echo "make lint   ruff and mypy --strict"
	@echo "make clean  remove .venv and everything else that was made here"

demo: .venv/.kernels
	@$(VENV_PYTHON) -m nabra demo $(ARGS)

test: .venv/.dev
	@$(VENV_PYTHON) -m pytest $(ARGS)

lint: .venv/.dev
	$(VENV_PYTHON) -m ruff check
	$(VENV_PYTHON) -m mypy --strict $(ROOMS)

clean:
	rm -rf .venv out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.created:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Nabra needs Python 3.11 or newer, and found none as python3, python3.13, python3.12 or python3.11."; \
		echo "Debian 12 or newer: apt-get install python3 python3-venv. Another place: make $(MAKECMDGOALS) PYTHON=/path/to/python"; \
		exit 1; \
	fi
	@if ! $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
		echo "Nabra needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1)."; exit 1; \
	fi
	@if ! $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null; then \
		echo "$(PYTHON) comes without its venv package. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; \
	fi
	@echo "==> making .venv with $$($(PYTHON) --version)"
	@rm -rf .venv
	@$(PYTHON) -m venv .venv
	@touch $@

# The stamps hold a checksum: a fresh checkout of the same files installs nothing again.
.venv/.runtime: EXTRA =
.venv/.dev: EXTRA = [dev]
.venv/.runtime .venv/.dev: setup.cfg pyproject.toml | .venv/.created
	@if cksum setup.cfg pyproject.toml | cmp -s - $@; then touch $@; else \
		echo "==> installing packages into .venv (about 1 GB the first time)" && \
		$(VENV_PYTHON) -m pip install --disable-pip-version-check -e '.$(EXTRA)' && \
		cksum setup.cfg pyproject.toml >$@; \
	fi

kernels: .venv/.kernels

.venv/.kernels: $(wildcard emotion/*.py emotion/kernels/*.py) | .venv/.runtime
	@$(VENV_PYTHON) -m nabra.operations.warm
	@touch $@
