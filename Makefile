# One command each: `make demo` shows it, `make test` proves it, `make bench` measures it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: test quick lint types demo bench clean

test: $(VENV)/.test
	@$(BIN)/python -m tests.prepare
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

# The developer's loop: everything but the tests marked slow.
quick: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not slow"

lint: $(VENV)/.test
	$(BIN)/ruff check .

types: $(VENV)/.test
	$(BIN)/mypy

demo: $(VENV)/.demo
	@$(BIN)/python -m demo $(if $(ONCE),--once) $(if $(LOG),--log "$(LOG)") $(if $(NMEA),--nmea "$(NMEA)") $(if $(MODEL),--model "$(MODEL)") $(if $(PORT),--port "$(PORT)")

bench: $(VENV)/.test
	@$(BIN)/python -m bench

# `.mf4` recordings need asammdf, which is large: installed only for those who bring one.
DEMO_EXTRAS := demo$(if $(filter %.mf4 %.MF4 %.mf4.gz,$(LOG)),$(comma)mf4)
comma := ,

$(VENV)/.demo: pyproject.toml
	@$(PYTHON) -m venv $(VENV) && echo "installing canlift into $(VENV) …" && $(BIN)/python -m pip install -q --disable-pip-version-check -e ".[$(DEMO_EXTRAS)]"
	@touch $@

$(VENV)/.test: pyproject.toml
	@$(PYTHON) -m venv $(VENV) && echo "installing canlift and its test tools into $(VENV) …" && $(BIN)/python -m pip install -q --disable-pip-version-check -e ".[test]"
	@touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) build
