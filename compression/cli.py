"""The command line: run a spec here and now, look after runs, list the methods.

Exit codes: 0 finished; 1 failed while running; 2 a bad request; 130 cancelled. Results go to stdout as JSON, all else to stderr.
"""

import argparse
import math
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from compression import settings
from compression.cards import BUDGETS, cards
from compression.commands.starting import starting
from compression.errors import LabError
from compression.runs.records import STATES
from compression.runs.tidy import USUAL_DAYS
from compression.texts import gettext as _
from compression.texts import timestamp

BAD_REQUEST, CANCELLED = 2, 130
Commands = Any  # what argparse's add_subparsers returns has no public type


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Refuse the request."""
        raise LabError(_("{message}; `{program} --help` shows what is allowed.").format(message=message, program=self.prog))


def build_parser() -> Parser:
    """Return the parser of all commands."""
    parser = Parser(prog="python -m compression", description=_("Compression Lab on the command line."), allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="run | runs | cards | methods | weights")
    _add_run(commands)
    runs = commands.add_parser("runs", help=_("look after runs"), allow_abbrev=False)
    _add_actions(
        runs.add_subparsers(dest="action", required=True, metavar="list | sweeps | show | resume | cancel | delete | tidy"),
    )
    _machine(
        commands.add_parser("cards", help=_("list the cards: papers' results, and what was measured of them"), allow_abbrev=False)
    )
    _machine(commands.add_parser("methods", help=_("list the methods and their settings"), allow_abbrev=False))
    weights = commands.add_parser(
        "weights", help=_("list published ImageNet weights, or download those of a network"), allow_abbrev=False
    )
    weights.add_argument(
        "network", nargs="?", metavar="NETWORK", help=_("download its weights once, and print how a spec names them")
    )
    return parser


def _add_run(commands: Commands) -> None:
    run = commands.add_parser(
        "run",
        help=_("run a spec and print its result"),
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_list_cards(),
    )
    what = run.add_mutually_exclusive_group(required=True)
    what.add_argument("spec", nargs="?", metavar="SPEC.json", help=_("a file with the spec; - reads it from stdin"))
    what.add_argument("--card", metavar="NAME", help=_("a ready-made spec, or CARD/RUN for one of several"))
    run.add_argument("--budget", choices=BUDGETS, help=_("of a card: cpu, or full, the paper's own, for a GPU"))
    run.add_argument("--record", action="store_true", help=_("of a card: write the outcome down as what this lab measured"))
    run.add_argument("--device", default="auto", help=_("auto, cpu or cuda:0"))
    run.add_argument("--set", action="append", default=[], dest="settings", metavar="FIELD=VALUE", help="loss.temperature=8")
    limit_help = _("stop the run, or each run of a sweep, once it has worked for so long; it can be resumed")
    run.add_argument("--time-limit", type=_minutes, metavar="MINUTES", help=limit_help)
    run.add_argument("--reuse", action="store_true", help=_("accept the result of a finished run of the same spec"))


def _list_cards() -> str:
    known = cards()
    width = max(map(len, known), default=0)
    return "\n".join([_("cards:"), *(f"  {name:<{width}}  {_(card.title)}" for name, card in known.items())]).replace("%", "%%")


def _add_actions(actions: Commands) -> None:
    shown = _machine(actions.add_parser("list", help=_("list the runs, newest first"), allow_abbrev=False))
    shown.add_argument("--state", action="append", choices=STATES, help=_("only runs in this state; may be given again"))
    shown.add_argument("--kind", choices=("distill", "compress"), help=_("only distillations, or only compressions"))
    shown.add_argument("--owner", help=_("only the runs of one owner, as the list shows it"))
    shown.add_argument("--limit", type=_count, metavar="COUNT", help=_("only the newest so many"))
    _machine(actions.add_parser("sweeps", help=_("list the sweeps, newest first"), allow_abbrev=False))
    for action, help_text in {
        "show": _("show one run, or what a sweep has found"),
        "resume": _("go on with an interrupted, failed or cancelled run, or with those of a sweep, here and now"),
        "cancel": _("cancel a run, or all of a sweep"),
    }.items():
        chosen = _machine(actions.add_parser(action, help=help_text, allow_abbrev=False))
        chosen.add_argument("id", metavar="ID")
    deleted = _machine(
        actions.add_parser(
            "delete", help=_("delete runs and their files, or sweeps with the runs that they queued"), allow_abbrev=False
        )
    )
    deleted.add_argument("ids", metavar="ID", nargs="+")
    tidied = _machine(actions.add_parser("tidy", help=_("say what old runs hold, and free it"), allow_abbrev=False))
    tidied.add_argument("--older-than", type=_days, default=USUAL_DAYS, metavar="DAYS", help=_("30 by default"))
    tidied.add_argument("--yes", action="store_true", help=_("free it; without, nothing is changed"))


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(_("{text!r} is no whole number of at least 1").format(text=text))
    return int(text)


def _days(text: str) -> float:
    days = _number(text)
    if not 0 <= days < math.inf:
        raise argparse.ArgumentTypeError(_("{text!r} is no number of days").format(text=text))
    return days


def _minutes(text: str) -> float:
    minutes = _number(text)
    if not 0 < minutes < math.inf:
        raise argparse.ArgumentTypeError(_("{text!r} is no number of minutes above 0").format(text=text))
    return minutes


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _machine(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--json", action="store_true", help=_("print JSON, for machines"))
    return parser


def main(arguments: Sequence[str]) -> int:
    """Carry out one command and return its exit code."""
    try:
        return _carry_out(build_parser().parse_args(arguments))
    except LabError as error:
        return _say(str(error), BAD_REQUEST)
    except KeyboardInterrupt:
        return _say(_("Cancelled."), CANCELLED)
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except Exception as error:
        return _say(_unexpected(error), 1)


def _carry_out(request: argparse.Namespace) -> int:
    if request.command == "run":
        with starting():
            from compression.commands.foreground import run

        return run(request)
    if request.command == "cards":
        with starting():
            from compression.commands.cards import list_cards

        return list_cards(request)
    if request.command == "methods":
        with starting():
            from compression.commands.methods import show_methods

        return show_methods(request)
    if request.command == "weights":
        with starting():
            from compression.commands.weights import published_weights

        return published_weights(request)
    from compression.commands.runs import look_after

    return look_after(request)


def _say(sentence: str, code: int) -> int:
    print(" ".join(sentence.split()), file=sys.stderr)
    return code


def _unexpected(error: Exception) -> str:
    log = settings.home() / "errors.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{timestamp()} {traceback.format_exc()}\n")
    except OSError:
        return _("Something went wrong inside the lab ({kind}).").format(kind=type(error).__name__)
    return _("Something went wrong inside the lab ({kind}); {log} has the details.").format(kind=type(error).__name__, log=log)
