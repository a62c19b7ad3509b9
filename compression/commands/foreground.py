"""Runs in the foreground: recorded in the store and worked on in this process, as a worker would."""

import argparse
import json
import secrets
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

from compression import runs, settings
from compression.commands.bringing import bring_in
from compression.data.own import told
from compression.data.own.request import with_paths_brought_in
from compression.errors import LabError, SpecError
from compression.execute import Workspace, check_references
from compression.runs.devices import available, resolve, slots
from compression.runs.records import CANCELLED, COMMAND_LINE, FAILED, FINISHED, QUEUED, RUNNING, Run
from compression.runs.worker import Worker
from compression.spec import override, parse
from compression.sweep import is_sweep
from compression.texts import gettext as _

EXIT_CODES = {FINISHED: 0, FAILED: 1, CANCELLED: 130}
MOST_SPEC_CHARACTERS = 1_000_000
BAR_CELLS = 24
TURN_S = 0.25
MINUTE_S = 60


def run(request: argparse.Namespace) -> int:
    """Run the spec or the card that the request names and print what came out."""
    settings.check()
    if request.card is not None:
        from compression.commands.cards import run_card

        return run_card(request)
    if request.record or request.budget:
        raise LabError(_("Only a card has a budget and is recorded: name it with --card."))
    title = "" if request.spec == "-" else Path(request.spec).stem
    return printed(*run_raw(_raw_spec(request), request, title))


def run_raw(raw: Any, request: argparse.Namespace, title: str) -> tuple[int, dict[str, Any] | None]:
    """Run a spec or a sweep here and now; return the exit code and what the command line prints of it."""
    raw, changes = _with_own_images(raw, request.settings)
    raw, changes = bring_in(raw, changes)
    request = argparse.Namespace(**{**vars(request), "settings": changes})
    if is_sweep(raw):
        from compression.commands.sweeping import run_sweep

        return run_sweep(raw, request, title, time_limit_s=time_limit_s(request))
    spec = parse(override(raw, request.settings))
    device = resolve(request.device)
    if request.reuse and (found := runs.store().find_finished(spec.hash)) is not None:
        return 0, result_of(found)
    folder = settings.runs_folder()
    check_references(spec, Workspace(folder=folder, models=settings.models_folder(), runs=folder, device=device))
    raw, token = spec.to_json(), secrets.token_hex(16)
    told = {"title": title, **runs.forecast_of(spec, device), "time_limit_s": time_limit_s(request)}
    run_id = runs.store().start(raw, spec.hash, raw["kind"], owner=COMMAND_LINE, device=device, token=token, **told)
    return work(run_id, token)


def printed(code: int, result: Mapping[str, Any] | None) -> int:
    """Print a result, where there is one, and return the exit code."""
    if result is not None:
        print(json.dumps(result))
    return code


def time_limit_s(request: argparse.Namespace) -> float | None:
    """Return the seconds of work after which a run shall be stopped, at most what the settings say; None for no limit."""
    return None if request.time_limit is None else runs.shorter(MINUTE_S * request.time_limit, settings.time_limit_s())


def resume(run_id: str) -> int:
    """Go on with an ended run here and now, and print its result."""
    settings.check()
    wanted = runs.store().run(run_id).device
    token = secrets.token_hex(16)
    runs.store().resume(run_id, device=resolve(wanted), token=token)
    return printed(*work(run_id, token))


def work(run_id: str, token: str) -> tuple[int, dict[str, Any] | None]:
    """Wait for a run's turn, execute it here and return the exit code and, once finished, its result; Ctrl-C cancels it."""
    progress = Progress(sys.stderr)
    try:
        run = wait_for_turn(run_id, token, progress)
        if run.state == RUNNING:
            progress.say(_("Run {id} on {device}; Ctrl-C cancels it.").format(id=run.id, device=run.device))
            Worker(runs.store(), run, token, listen=progress.show, interrupt=CANCELLED).work()
    except KeyboardInterrupt:
        runs.store().cancel(run_id)
        runs.store().finish(run_id, token, CANCELLED)
    ended = runs.store().run(run_id)
    progress.say("")
    if ended.state == FINISHED:
        return EXIT_CODES[FINISHED], result_of(ended)
    goes_on = _("Run {id} was {state}; `python -m compression runs resume {id}` goes on where it was.")
    print(ended.error if ended.state == FAILED else goes_on.format(id=ended.id, state=ended.state), file=sys.stderr)
    return EXIT_CODES.get(ended.state, 1), None


def wait_for_turn(run_id: str, token: str, progress: "Progress") -> Run:
    """Return the run once it is at work or somebody ended it; while others have the device, say so once."""
    store, room, told = runs.store(), slots(available()), False
    while True:
        run = store.take(run_id, token, room)
        if run.state != QUEUED:
            return run
        if not told:
            told = True
            sentence = _("Run {id} waits for its turn on {device}, which others use now; Ctrl-C cancels it.")
            progress.say(sentence.format(id=run_id, device=run.device))
        with suppress(OSError):
            runs.ensure_alive()  # whoever is ahead may be gone; a supervisor finds out
        time.sleep(TURN_S)


def result_of(run: Run) -> dict[str, Any]:
    """Return what the command line prints of a finished run."""
    facts = {"run": run.id, "state": run.state, "seconds": round(run.seconds, 3), "device": run.device, "spec": run.spec}
    return {**facts, **(run.result or {})}


def _raw_spec(request: argparse.Namespace) -> Any:
    try:
        text = sys.stdin.read() if request.spec == "-" else Path(request.spec).read_text(encoding="utf-8")
        if len(text) > MOST_SPEC_CHARACTERS:
            raise LabError(_("{file} is too long for a spec.").format(file=request.spec))
        return json.loads(text, parse_constant=_refuse_constant)
    except OSError as error:
        raise LabError(_("{file} cannot be read: {reason}.").format(file=request.spec, reason=error.strerror)) from error
    except (ValueError, RecursionError) as error:
        raise LabError(_("{file} is not JSON: {reason}.").format(file=request.spec, reason=error)) from error


def _with_own_images(raw: Any, changes: list[str]) -> tuple[Any, list[str]]:
    """Bring in the images that a request names by their path, and say what they are."""
    progress = Progress(sys.stderr)
    raw, changes, own = with_paths_brought_in(raw, changes, progress.count)
    if own is not None:
        for line in (f"{told.counts(own.facts)}; {told.resized(own.facts)}.", *told.notes(own.facts), *told.left_out(own.facts)):
            progress.say(line)
    return raw, changes


def _refuse_constant(name: str) -> NoReturn:
    raise SpecError("", name, _("allowed are finite numbers"))


class Progress:
    """Shows a run's progress: one line that redraws itself on a terminal, a line a stage elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._terminal, self._stage, self._drawn = stream, stream.isatty(), "", 0.0

    def say(self, text: str) -> None:
        """Write a line, after what is being redrawn."""
        if self._terminal:
            self._stream.write("\r\x1b[K")
        if text:
            print(text, file=self._stream, flush=True)

    def count(self, done: int, number: int) -> None:
        """Show on a terminal how many images are decoded."""
        if self._terminal:
            self._stream.write("\r\x1b[K" + _("Reading images: {done:,} of {number:,}").format(done=done, number=number))
            self._stream.flush()

    def show(self, event: Mapping[str, Any]) -> None:
        """Show an event where it says how far the run is."""
        if event["type"] == "stage":
            self._stage = str(event.get("text", ""))
            if not self._terminal:
                self.say(self._stage)
        elif event["type"] == "progress" and self._terminal and time.monotonic() - self._drawn > 0.1:
            self._drawn = time.monotonic()
            self._stream.write(f"\r\x1b[K{self._line(event)}")
            self._stream.flush()

    def _line(self, event: Mapping[str, Any]) -> str:
        fraction, left = float(event.get("fraction") or 0), event.get("seconds_left")
        bar = ("=" * round(fraction * BAR_CELLS)).ljust(BAR_CELLS)
        time_left = "" if left is None else _(", {seconds:.0f} s left").format(seconds=left)
        return f"[{bar}] {fraction:4.0%} {self._stage}{time_left}"
