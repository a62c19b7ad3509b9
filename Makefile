# make app    set up .venv and start the app on 127.0.0.1:8501 (PORT= and HOST= change that)
# make test   set up what tests need as well, Chromium too, and run all of them
# TORCH=cpu   take PyTorch's small CPU build (Linux without an NVIDIA GPU): make app TORCH=cpu

PORT ?= 8501
HOST ?= 127.0.0.1
TORCH ?=
PYTHON ?=
PIP = .venv/bin/python -m pip --disable-pip-version-check --quiet
INSTALLED = .venv/.installed$(TORCH)
INSTALLED_FOR_TESTS = .venv/.installed-for-tests$(TORCH)

.PHONY: app test

app: $(INSTALLED)
	@exec .venv/bin/python -m streamlit run app.py --server.address $(HOST) --server.port $(PORT)

# The tests start many processes: where the environment forbids bytecode, each would compile the lab anew.
test: export PYTHONDONTWRITEBYTECODE =
test: $(INSTALLED_FOR_TESTS)
	.venv/bin/python -m tests.browser.install
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m pytest --ignore tests/browser --numprocesses 2 --dist loadfile
	.venv/bin/python -m pytest tests/browser --numprocesses 2 --dist loadfile --no-loadscope-reorder

.venv/bin/pip:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Setting up .venv with $$python"; \
	    $$python -m venv .venv && exit 0; \
	    rm -rf .venv; \
	    echo "$$python could not make a virtual environment; on Debian or Ubuntu install python3-venv and try again." >&2; exit 1; \
	  fi; \
	done; \
	echo "Python 3.11 or newer is needed and was not found; install it, or name it: make app PYTHON=/path/to/python3" >&2; exit 1

$(INSTALLED): requirements.txt | .venv/bin/pip
	@echo "Installing the requirements, once. PyTorch takes some minutes; without an NVIDIA GPU, make app TORCH=cpu is far smaller on Linux."
	@if [ "$(TORCH)" = cpu ]; then \
	  $(PIP) install --index-url https://download.pytorch.org/whl/cpu $$(grep -E '^torch(vision)?==' requirements.txt); \
	fi
	@$(PIP) install -r requirements.txt
	@touch $@

$(INSTALLED_FOR_TESTS): $(INSTALLED) requirements-dev.txt
	@$(PIP) install -r requirements-dev.txt
	@touch $@
