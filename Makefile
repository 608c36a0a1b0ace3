# Each verb sets up what it needs in .venv and runs as an ordinary user; only `make asterisk` needs root.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test check bench chaos asterisk up clean

demo: $(STAMP)  ## a whole campaign with audio, on embedded services
	$(BIN)/dialer demo

test: $(STAMP)  ## all tests; real parts that are missing skip with a reason
	$(BIN)/pytest

check: $(STAMP)  ## format, lint, types, import layers
	scripts/check.sh

bench: $(STAMP)  ## measure; figures land in out/bench: ARGS="--quick live_calls"
	$(BIN)/python -m scripts.bench $(ARGS)

chaos: $(STAMP)  ## a campaign under fire, on a real Asterisk where there is one: ARGS="--seed 2 --mischief"
	$(BIN)/dialer chaos $(ARGS)

asterisk:  ## a real Asterisk 22 under .asterisk (root)
	scripts/asterisk.sh

up:  ## the services of compose.yaml
	docker compose up -d --wait

$(STAMP): pyproject.toml
	scripts/install.sh $(PYTHON)

clean:
	rm -rf .venv out build dist
