"""Sweeps on the command line: their runs wait in the queue like all others, and this process follows them."""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from compression import runs
from compression.measure.best import best_cell
from compression.runs.records import ACTIVE, COMMAND_LINE, FINISHED, StoredSweep
from compression.runs.store import Store
from compression.runs.sweeping import outcomes, submit_sweep, title_of
from compression.texts import gettext as _

POLL_S = 0.25
CANCELLED = 130


def run_sweep(
    raw: Mapping[str, Any], request: argparse.Namespace, title: str, *, time_limit_s: float | None
) -> tuple[int, dict[str, Any]]:
    """Queue the runs of a sweep and follow them; return the exit code and what they found. `--set` changes the base."""
    from compression.spec import override
    from compression.sweep import parse_sweep

    sweep = parse_sweep({**raw, "base": override(raw.get("base"), request.settings)})
    told = {"title": title, "time_limit_s": time_limit_s}
    return follow(submit_sweep(sweep, owner=COMMAND_LINE, device=request.device, **told))


def follow(sweep_id: str) -> tuple[int, dict[str, Any]]:
    """Say when each run of a sweep ends; return the exit code and what all found. Ctrl-C cancels them."""
    store, code, told = runs.store(), 0, set()
    sweep = store.sweep(sweep_id)
    try:
        print(_("Sweep {id} of {count} runs; Ctrl-C cancels it.").format(id=sweep_id, count=len(sweep.cells)), file=sys.stderr)
        while True:
            cells = outcomes(sweep, store.runs_of([cell["run"] for cell in sweep.cells]))
            for cell in cells:
                if cell["state"] not in ACTIVE and cell["run"] not in told:
                    told.add(cell["run"])
                    state = cell["state"] or _("deleted")
                    print(f"{title_of(cell['at'])}: {state} ({cell['run']})", file=sys.stderr, flush=True)
            if len(told) == len({cell["run"] for cell in cells}):
                break
            with suppress(OSError):
                runs.ensure_alive()
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        store.cancel_sweep(sweep_id)
        code = CANCELLED
    result = sweep_result(sweep)
    return code or int(any(cell["state"] != FINISHED for cell in result["cells"])), result


def list_sweeps(store: Store, request: argparse.Namespace) -> int:
    """Print the sweeps, newest first: how many of their runs have finished, and over what."""
    rows = []
    for sweep in store.sweeps():
        states = [run.state for run in store.runs_of([cell["run"] for cell in sweep.cells])]
        done, over = states.count(FINISHED), sweep.spec.get("over", {})
        if request.json:
            facts = {"id": sweep.id, "owner": sweep.owner, "title": sweep.title, "created": sweep.created}
            rows.append({**facts, "over": over, "finished": done, "cells": len(sweep.cells)})
            continue
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(sweep.created))
        finished = _("{done} of {count} finished").format(done=done, count=len(sweep.cells))
        settings = "  ".join(f"{path}={json.dumps(values)}" for path, values in over.items())
        print(f"{sweep.id}  {finished:<20}  {when}  {sweep.owner}  {settings}  {sweep.title}".rstrip())
    if request.json:
        print(json.dumps(rows))
    return 0


def sweep_result(sweep: StoredSweep) -> dict[str, Any]:
    """Return what the command line prints of a sweep: its request, its cells, the best of them, and their seconds of work."""
    found = runs.store().runs_of([cell["run"] for cell in sweep.cells])
    cells, seconds = outcomes(sweep, found), round(sum(run.seconds for run in found), 3)
    facts = {"seconds": seconds, "device": found[0].device if found else None}
    return {"sweep": sweep.id, "spec": sweep.spec, **facts, "cells": cells, "best": best_cell(cells)}
