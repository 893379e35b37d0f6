# One command each: `make demo` shows it, `make test` proves it, `make bench` measures it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARCH ?= amd64
# Tests of a file stay together; many of them wait, so there are more files at once than a small machine has cores.
JOBS ?= 3
AT_ONCE := -n $(JOBS) --dist loadfile --no-loadscope-reorder
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help test quick test-beds lint types demo bench conformance soak served deb clean

help:
	@echo 'make demo            see it: a recorded drive, from CAN frames to the API (Ctrl-C ends it)'
	@echo 'make demo ONCE=1     show, verify what is shown, exit'
	@echo 'make demo LOG=file   your own recording; NMEA=file beside it, MODEL=name, PORT=number'
	@echo 'make test            prove it: lint, types and all tests'
	@echo 'make quick           the same without the slow tests; also: make lint, make types; JOBS=number of files at once'
	@echo 'make test-beds       only the tests on real SocketCAN and of a whole box, in kernels that have CAN, of containers, of a'
	@echo "                     newcomer's machine and of a day of cellular weather; ARGS=\"-k name\" for some, CUTS=number of"
	@echo '                     power cuts, MOMENTS=number of those judged by what was written, DRIVE_S=seconds of each drive'
	@echo 'make deb             the agent as a Debian package, into dist; ARCH=arm64 for a Raspberry Pi'
	@echo 'make bench           measure it; writes build/bench.json'
	@echo 'make conformance     every answer against the published specification; writes build/conformance.json'
	@echo 'make soak            six hours of a vehicle in seven minutes, HOURS=number for 2 or more: memory, file descriptors and'
	@echo '                     threads stay flat; writes build/soak.json'
	@echo 'make served          write docs/served.md: what each shipped profile serves, and why not the rest'
	@echo 'make clean           remove $(VENV) and build'

test: $(VENV)/.test
	@$(BIN)/python -m tests.prepare
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(AT_ONCE)

# The developer's loop: everything but the tests marked slow.
quick: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(AT_ONCE) -m "not slow"

# test_beds.py would boot for the two folders before once more.
BEDS = tests/beds/box tests/beds/full $(filter-out tests/beds/test_beds.py,$(wildcard tests/beds/test_*.py))

test-beds: $(VENV)/.test
	@$(BIN)/python -m tests.prepare
	CI=true $(BIN)/python -m tests.beds.uml tests/beds/can $(ARGS) || [ $$? = 5 ]
	CI=true $(BIN)/python -m tests.beds.uml tests/beds/remote $(ARGS) || [ $$? = 5 ]
	CI=true $(BIN)/python -m pytest $(BEDS) $(ARGS) || [ $$? = 5 ]

lint: $(VENV)/.test
	$(BIN)/ruff check .

types: $(VENV)/.test
	$(BIN)/mypy

# `.mf4` recordings need asammdf, which is large: installed only for those who bring one.
demo: $(VENV)/.demo $(if $(filter %.mf4 %.MF4 %.mf4.gz %.MF4.gz,$(LOG)),$(VENV)/.mf4)
	@exec $(BIN)/python -m demo $(if $(ONCE),--once) $(if $(LOG),--log "$(LOG)") $(if $(NMEA),--nmea "$(NMEA)") $(if $(MODEL),--model "$(MODEL)") $(if $(PORT),--port "$(PORT)")

bench: $(VENV)/.test
	@$(BIN)/python -m bench

conformance: $(VENV)/.test
	@$(BIN)/python -m tests.conformance

soak: $(VENV)/.test
	@$(BIN)/python -m tests.soak $(if $(HOURS),--hours $(HOURS))

deb: $(VENV)/.python
	@PYTHON=$(BIN)/python sh systemd/deb/build.sh $(ARCH) dist

served: $(VENV)/.test
	@$(BIN)/python -m contract.served_page

# A stamp for each set of extras: installed again only when pyproject.toml has changed.
pip = $(BIN)/python -m pip install -q --disable-pip-version-check -e ".[$(2)]"
# A network that fails for a moment ends nothing.
install = echo "installing canlift and $(1) into $(VENV) …" && { $(pip) || { sleep 5; $(pip); } || { sleep 20; $(pip); }; }

$(VENV)/.python:
	@command -v "$(PYTHON)" >/dev/null || { echo "$(PYTHON) is not there: canlift needs Python 3.11 or newer (on Debian, as root: apt-get install python3 python3-venv)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "canlift needs Python 3.11 or newer, this is $$("$(PYTHON)" -V): name another one with make PYTHON=…" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments (on Debian, as root: apt-get install python3-venv)" >&2; exit 1; }
	@$(BIN)/python -c 'import pip' 2>/dev/null || "$(PYTHON)" -m venv $(VENV)
	@touch $@

$(VENV)/.demo: pyproject.toml | $(VENV)/.python
	@$(call install,what its demo needs,demo) && touch $@

$(VENV)/.mf4: pyproject.toml | $(VENV)/.python
	@$(call install,what .mf4 recordings need,demo$(comma)mf4) && touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/.python
	@$(call install,its test tools,test) && touch $@ $(VENV)/.demo $(VENV)/.mf4

comma := ,

clean:
	rm -rf $(VENV) build
