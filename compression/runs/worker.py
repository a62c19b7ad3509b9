"""A worker: one process that executes one run and reports to the store; the command line works so in its own process."""

import errno
import math
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from compression import settings
from compression.charts.numbers import format_seconds
from compression.errors import LabError, StoreError
from compression.runs.devices import resolve
from compression.runs.journal import Journal
from compression.runs.records import CANCELLED, FAILED, FINISHED, INTERRUPTED, Lease, Run
from compression.runs.reporter import Reporter
from compression.runs.store import Store
from compression.texts import gettext as _
from compression.texts import timestamp

STALE = "stale"
PATIENCE_S = 0.5
LAST_WORD_PATIENCE_S = 600.0
LONGEST_PAUSE_S = 1.0
RESERVE_BYTES = 256 * 1024

Event = Mapping[str, Any]
Answer = TypeVar("Answer")
Engine = Callable[[dict[str, Any], Path, str], Iterator[Event]]


class Stop(BaseException):
    """Raised inside the engine where it does not come back by itself in time."""


def engine(spec: dict[str, Any], folder: Path, device: str) -> Iterator[Event]:
    """Yield the events of a run as the lab executes it."""
    import torch

    from compression.execute import Workspace, execute
    from compression.spec import parse

    torch.set_num_threads(settings.threads())
    workspace = Workspace(folder=folder, models=settings.models_folder(), runs=settings.runs_folder(), device=resolve(device))
    yield from execute(parse(spec), workspace)


class Worker:
    """Executes one claimed run to its end.

    Guarantees: it ends the run exactly once, and not at all when its token is no longer the run's; a request to cancel is
    obeyed at the engine's next event, or by interrupting the engine after half a second without one.

    Args:
        listen: called with every event, in this process.
        interrupt: what SIGINT does to the run: `cancelled` where a person watches, else `interrupted`.
    """

    def __init__(
        self,
        store: Store,
        run: Run,
        token: str,
        *,
        engine: Engine = engine,
        listen: Callable[[Event], None] = lambda event: None,
        interrupt: str = INTERRUPTED,
    ) -> None:
        self._store, self._run, self._token, self._engine, self._listen = store, run, token, engine, listen
        self._signals = {signal.SIGTERM: INTERRUPTED, signal.SIGINT: interrupt}
        self._folder = settings.runs_folder() / run.id
        self._journal = Journal(self._folder / ".journal")
        reporting = {"journal": self._journal, "log": self._log, "worked_s": run.seconds}
        self._reporter = Reporter(store, run.id, token, self._hear, **reporting)
        self._stopping: str | None = None
        self._since = 0.0
        self._limit_s: float | None = None
        self._in_engine = False
        self._result: Mapping[str, Any] | None = None

    def work(self) -> str:
        """Execute the run and return how it ended: a terminal state, `interrupted`, or `stale` where it was no longer ours."""
        previous = self._listen_to_signals()
        self._reporter.start()
        try:
            state, error = self._execute()
        finally:
            unsent = self._reporter.close()
            for number, handler in previous.items():
                signal.signal(number, handler)
        return self._last_word(state, error, unsent)

    def _execute(self) -> tuple[str, str | None]:
        begun = False
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._reserve.write_bytes(os.urandom(RESERVE_BYTES))  # what compresses reserves nothing
            begun = True
            events = self._engine(self._run.spec, self._folder, self._run.device)
            while self._stopping is None and (event := self._next(events)) is not None:
                if event["type"] == "result":
                    self._result = event["result"]
                self._reporter.add(event)
                self._listen(event)
            if self._stopping is None or self._result is not None:
                return FINISHED, None
            events.close()
        except Stop:
            pass
        except Exception as error:
            self._log(traceback.format_exc())
            return FAILED, sentence(error, folder_lost=begun and not self._folder.is_dir())
        return self._stopping or INTERRUPTED, self._too_long() if self._stopping == FAILED else None

    def _too_long(self) -> str:
        limit = format_seconds(self._limit_s or 0.0)
        sentence = _("The run passed the time limit of {limit}: resume it to go on where it was, or run it with less to train.")
        return sentence.format(limit=limit)

    @property
    def _worked_s(self) -> float:
        """The time worked in this attempt: one that is resumed has the whole limit again."""
        return self._reporter.seconds - self._run.seconds

    @property
    def _reserve(self) -> Path:
        """Room for the last words: freed before they are written, should the disk be full."""
        return self._folder / ".reserve"

    def _next(self, events: Iterator[Event]) -> Event | None:
        self._in_engine = True
        try:
            return next(events, None)
        finally:
            self._in_engine = False

    def _last_word(self, state: str, error: str | None, unsent: list[Event]) -> str:
        with suppress(OSError):
            self._reserve.unlink(missing_ok=True)
        last = {"error": error, "result": self._result if state == FINISHED else None, "events": unsent}
        try:
            return self._finish(state, **last)
        except LabError:
            return STALE
        except Exception as trouble:
            self._log(traceback.format_exc())
            failed = sentence(trouble)
        try:
            return self._finish(FAILED, error=failed)
        except LabError:
            return STALE

    def _finish(self, state: str, **last: Any) -> str:
        seconds = self._reporter.seconds
        ours = patiently(lambda: self._store.finish(self._run.id, self._token, state, seconds=seconds, **last), log=self._log)
        if ours:
            self._journal.replace([])
        return state if ours else STALE

    def _hear(self, lease: Lease | None) -> None:
        if lease is not None and not lease.held:
            self._stop(STALE)
        elif lease is not None and lease.cancel:
            self._stop(CANCELLED)
        elif lease is not None and self._worked_s > (lease.time_limit_s or math.inf):
            self._limit_s = lease.time_limit_s
            self._stop(FAILED)
        if self._stopping is not None and time.monotonic() - self._since > PATIENCE_S:
            self._interrupt_engine()

    def _stop(self, state: str) -> None:
        if self._stopping is None:
            self._since, self._stopping = time.monotonic(), state

    def _interrupt_engine(self) -> None:
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)
        else:
            import _thread

            _thread.interrupt_main(signal.SIGTERM)

    def _listen_to_signals(self) -> dict[int, Any]:
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._obey) for number in self._signals}

    def _obey(self, number: int, _frame: FrameType | None) -> None:
        if self._stopping is None:
            self._stop(self._signals[signal.Signals(number)])
        elif self._in_engine:
            self._in_engine = False
            raise Stop

    def _log(self, text: str) -> None:
        try:
            with (self._folder / "log.txt").open("a", encoding="utf-8", errors="backslashreplace") as log:
                log.write(f"{timestamp()} {text.rstrip()}\n")
        except OSError:
            pass


def sentence(error: Exception, *, folder_lost: bool = False) -> str:
    """Return why a run failed, as one sentence for a person."""
    if isinstance(error, LabError):
        return str(error)
    if folder_lost:
        return _("The folder of this run was removed while it was at work: run it again.")
    if isinstance(error, OSError) and (told := _about_the_disk(error)) is not None:
        return told
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return _("The run needs more memory than its device has: choose a smaller batch or a smaller network.")
    return _("Something went wrong inside the lab ({kind}); the run's log has the details.").format(kind=type(error).__name__)


def _about_the_disk(error: OSError) -> str | None:
    place = error.filename or settings.home()
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _("The disk is full: free some space in {home}, then resume the run.").format(home=settings.home())
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return _("The lab may not write to {place}: allow it, or set LAB_HOME to another folder.").format(place=place)
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return _("A file is where the lab needs the folder {place}: move it, or set LAB_HOME to another folder.").format(
            place=place
        )
    return None


def patiently(action: Callable[[], Answer], *, log: Callable[[str], None]) -> Answer:
    """Return what an action on the store returns, tried again for as long as the store is out of reach and the home exists.

    Raises:
        StoreError: patience came to its end.
    """
    began, pause, told = time.monotonic(), 0.1, ""
    while True:
        try:
            return action()
        except StoreError as trouble:
            if str(trouble) != told:
                told = str(trouble)
                log(told)
            if time.monotonic() - began > LAST_WORD_PATIENCE_S or not settings.home().exists():
                raise
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)


def work(run_id: str, token: str, engine: Engine = engine) -> None:
    """Work on a claimed run in a process of its own; what it prints goes to the run's log."""
    folder = settings.runs_folder() / run_id
    with suppress(OSError):  # the worker meets the same trouble, and can say so
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "log.txt").open("a", encoding="utf-8") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
    store = patiently(Store, log=_tell)
    run = patiently(lambda: store.run(run_id), log=_tell)
    Worker(store, run, token, engine=engine).work()


def _tell(text: str) -> None:
    with suppress(OSError):
        print(timestamp(), text, file=sys.stderr, flush=True)
