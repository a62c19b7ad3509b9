"""List, show, resume, cancel and delete runs."""

import argparse
import dataclasses
import json
import time
from contextlib import suppress
from typing import Any

from compression import runs, settings
from compression.runs.records import QUEUED, RUNNING, Run
from compression.runs.store import Store
from compression.texts import gettext as _

TITLE_CHARACTERS = 40


def look_after(request: argparse.Namespace) -> int:
    """Carry out one of the actions on runs and return the exit code."""
    store = runs.store()
    if RUNNING in store.active_states():  # should its process be gone, a supervisor finds out
        with suppress(OSError):
            runs.ensure_alive()
    if request.action == "list":
        _print_list(store.runs(), as_json=request.json)
    elif request.action == "show":
        _print_run(store, store.run(request.id), as_json=request.json)
    elif request.action == "resume":
        from compression.commands.foreground import resume

        return resume(request.id)
    elif request.action == "cancel":
        run = store.cancel(request.id)
        _print_state(run, as_json=request.json)
    else:
        store.delete(request.id)
        print(json.dumps({"id": request.id, "deleted": True}) if request.json else _("{id} deleted").format(id=request.id))
    return 0


def _print_list(found: list[Run], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([_facts(run, brief=True) for run in found]))
        return
    if not found:
        print(_("There are no runs yet."))
    for run in found:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
        row = f"{run.id}  {run.state:<11} {run.fraction:>4.0%}  {run.kind:<8}  {run.device:<7}  {when}  {run.owner}"
        print(f"{row}  {run.title[:TITLE_CHARACTERS]}".rstrip())


def _print_run(store: Store, run: Run, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_facts(run, brief=False)))
        return
    for name, value in _facts(run, brief=True).items():
        if value not in (None, ""):
            print(f"{name:<13} {value}")
    print(f"{'spec':<13} {json.dumps(run.spec)}")
    print(f"{'events':<13} {len(store.events(run.id))}")
    for role, model in ((run.result or {}).get("models") or {}).items():
        print(f"{role:<13} {model.get('accuracy'):.2%}  {model.get('size_bytes')} bytes  {model.get('macs')} MACs")


def _print_state(run: Run, *, as_json: bool) -> None:
    print(json.dumps(_facts(run, brief=True)) if as_json else f"{run.id}  {run.state}")


def _facts(run: Run, *, brief: bool) -> dict[str, Any]:
    facts = dataclasses.asdict(run)
    if brief:
        del facts["spec"], facts["result"]
    if run.state != QUEUED:
        facts["folder"] = str(settings.runs_folder() / run.id)
    return facts
