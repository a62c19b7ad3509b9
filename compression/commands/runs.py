"""List, show, resume, cancel, delete and tidy runs."""

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from compression import runs, settings
from compression.charts.numbers import format_bytes
from compression.commands.starting import starting
from compression.commands.sweeping import follow, list_sweeps, sweep_result
from compression.errors import LabError, NotFoundError
from compression.roles import role_title
from compression.runs.records import QUEUED, RUNNING, Run, StoredSweep
from compression.runs.store import Store
from compression.runs.tidy import TITLES, survey, tidy
from compression.schemes import role_titles
from compression.texts import gettext as _
from compression.texts import ngettext

TITLE_CHARACTERS = 40


def look_after(request: argparse.Namespace) -> int:
    """Carry out one of the actions on runs and return the exit code."""
    store = runs.store()
    if RUNNING in store.active_states():  # should its process be gone, a supervisor finds out
        with suppress(OSError):
            runs.ensure_alive()
    return ACTIONS[request.action](store, request)


def _list(store: Store, request: argparse.Namespace) -> int:
    which = {"owner": request.owner, "kind": request.kind, "states": request.state}
    found = store.runs(**which, limit=request.limit)
    if request.json:
        print(json.dumps([_facts(run, brief=True) for run in found]))
    elif not found:
        print(_("No run is like that.") if store.count() else _("There are no runs yet."))
    else:
        _print_table(found)
    if left_out := store.count(**which) - len(found):
        print(_("{count} older runs are left out.").format(count=left_out), file=sys.stderr)
    return 0


def _print_table(found: list[Run]) -> None:
    for run in found:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created))
        row = f"{run.id}  {run.state:<11} {run.fraction:>4.0%}  {run.kind:<8}  {run.device:<7}  {when}  {run.owner}"
        print(f"{row}  {run.title[:TITLE_CHARACTERS]}".rstrip())


def _show(store: Store, request: argparse.Namespace) -> int:
    if (sweep := _sweep(store, request.id)) is not None:
        print(json.dumps(sweep_result(sweep)))
        return 0
    _print_run(store, store.run(request.id), as_json=request.json)
    return 0


def _resume(store: Store, request: argparse.Namespace) -> int:
    with starting():
        from compression.commands.foreground import resume

    if _sweep(store, request.id) is not None:
        store.resume_sweep(request.id)
        code, found = follow(request.id)
        print(json.dumps(found))
        return code
    return resume(request.id)


def _cancel(store: Store, request: argparse.Namespace) -> int:
    if _sweep(store, request.id) is not None:
        store.cancel_sweep(request.id)
        return 0
    before = store.run(request.id)
    run = store.cancel(request.id)
    if not before.active:
        sentence = _("Run {id} is {state} already: there was nothing to cancel.")
        print(sentence.format(id=run.id, state=run.state), file=sys.stderr)
    print(json.dumps(_facts(run, brief=True)) if request.json else f"{run.id}  {run.state}")
    return 0


def _delete(store: Store, request: argparse.Namespace) -> int:
    refusals = []
    for run_id in dict.fromkeys(request.ids):
        try:
            told = _delete_one(store, run_id)
        except LabError as error:
            refusals.append(str(error))
            continue
        print(json.dumps({"id": run_id, "deleted": True}) if request.json else told)
    if refusals:
        raise LabError(" ".join(refusals))
    return 0


def _delete_one(store: Store, given: str) -> str:
    """Delete a run, or a sweep with the runs that it queued; return the sentence that says so."""
    if _sweep(store, given) is None:
        store.delete(given)
        return _("{id} deleted").format(id=given)
    count = store.delete_sweep(given)
    return ngettext("{id} deleted with {count} run", "{id} deleted with {count} runs", count).format(id=given, count=count)


def _tidy(store: Store, request: argparse.Namespace) -> int:
    found = (tidy if request.yes else survey)(store, older_than_days=request.older_than)
    if request.json:
        parts = {name: {"count": part.count, "bytes": part.bytes} for name, part in found.parts.items()}
        print(json.dumps({"freed": request.yes, "bytes": found.bytes, "parts": parts, "cache_in_use": found.cache_in_use}))
        return 0
    for name, part in found.parts.items():
        print(f"{_(TITLES[name]):<36} {part.count:>6}  {format_bytes(part.bytes):>10}")
    if found.cache_in_use:
        print(_("Cached networks stay while a run is at work."))
    if request.yes:
        print(_("{size} freed.").format(size=format_bytes(found.bytes)))
    else:
        sentence = _("{size} can be freed of what is older than {days:g} days: add --yes. Settings, results and logs stay.")
        print(sentence.format(size=format_bytes(found.bytes), days=request.older_than))
    return 0


def _sweep(store: Store, sweep_id: str) -> StoredSweep | None:
    with suppress(NotFoundError):
        return store.sweep(sweep_id)
    return None


def _print_run(store: Store, run: Run, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_facts(run, brief=False)))
        return
    for name, value in _facts(run, brief=True).items():
        if value not in (None, ""):
            print(f"{name:<13} {value}")
    print(f"{'spec':<13} {json.dumps(run.spec)}")
    print(f"{'events':<13} {len(store.events(run.id))}")
    models, titles = (run.result or {}).get("models") or {}, role_titles(run.spec.get("scheme"))
    width = max([13, *(len(role_title(role, titles)) for role in models)])
    for role, model in models.items():
        told = f"{model.get('accuracy'):.2%}  {model.get('size_bytes')} bytes  {model.get('macs')} MACs"
        print(f"{role_title(role, titles):<{width}} {told}")


def _facts(run: Run, *, brief: bool) -> dict[str, Any]:
    facts = dataclasses.asdict(run)
    if brief:
        del facts["spec"], facts["result"]
    if run.state != QUEUED:
        facts["folder"] = str(settings.runs_folder() / run.id)
    return facts


ACTIONS: dict[str, Callable[[Store, argparse.Namespace], int]] = {
    "list": _list,
    "sweeps": list_sweeps,
    "show": _show,
    "resume": _resume,
    "cancel": _cancel,
    "delete": _delete,
    "tidy": _tidy,
}
