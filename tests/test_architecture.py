"""The arrows and budgets that docs/architecture.md promises, read from the syntax trees."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("compression", "ui", "pages", "benchmarks")
SOURCES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
}
SOURCES |= {path.stem: path for path in sorted(ROOT.glob("*.py"))}
LONGEST_FUNCTION, LONGEST_FILE, LONGEST_PAGE = 40, 300, 80
BASE = (
    "compression.errors",
    "compression.settings",
    "compression.texts",
    "compression.roles",
    "compression.knobs",
    "compression.catalog",
)
SHARED_ROOMS = ("server", "frame", "address", "form", "run", "widgets")
PAGE_ROOMS = ("distill", "compress", "temperature", "papers", "compare", "history")
METHODS = ("data", "models", "distillation", "pruning", "quantization", "observers", "targets")
ABOVE_METHODS = ("spec", "training", "measure", "export", "steps", "lab", "execute", "preview", "runs", "charts", "cards")


def imports(module: str, *, everywhere: bool) -> Iterator[str]:
    """Yield the full names that a module imports, at its top level or everywhere."""
    tree = ast.parse(SOURCES[module].read_text(encoding="utf-8"))
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are written in full"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in SOURCES else node.module


def within(name: str, *packages: str) -> bool:
    """Tell whether a module is one of the packages or lies in one of them."""
    return any(name == package or name.startswith(package + ".") for package in packages)


def forbidden(modules: list[str], *packages: str) -> list[str]:
    """Return the imports, as sentences, by which modules reach packages that they may not know."""
    return [
        f"{module} imports {name}" for module in modules for name in imports(module, everywhere=True) if within(name, *packages)
    ]


def named(*packages: str) -> list[str]:
    """Return the modules of the packages."""
    return [module for module in SOURCES if within(module, *packages)]


def test_there_is_something_to_read() -> None:
    assert {"compression.catalog", "ui.shell", "pages.home", "app", "our_compression"} <= SOURCES.keys()


def test_arrows_point_from_pages_to_ui_to_the_engine() -> None:
    assert not forbidden(named("compression"), "streamlit", "ui", "pages", "benchmarks", "tests", "app")
    assert not forbidden(named("ui"), "pages", "benchmarks", "tests", "app")
    assert not forbidden(named("pages"), "benchmarks", "tests", "app", "pages")


@pytest.mark.parametrize("room", [*SHARED_ROOMS, *PAGE_ROOMS])
def test_a_pages_room_is_known_to_that_page_alone(room: str) -> None:
    others = [f"ui.{name}" for name in PAGE_ROOMS if name != room]
    assert named(f"ui.{room}")
    assert not forbidden(named(f"ui.{room}"), *others)


def test_ui_is_nothing_but_its_rooms() -> None:
    rooms = [f"ui.{name}" for name in (*SHARED_ROOMS, *PAGE_ROOMS)]
    assert [module for module in named("ui") if not within(module, *rooms)] == ["ui.shell"]


def test_the_base_knows_nothing_above_it() -> None:
    above = [module for module in named("compression") if module not in {"compression", *BASE}]
    assert not forbidden(list(BASE), *above)


@pytest.mark.parametrize("folder", METHODS)
def test_methods_know_neither_each_other_nor_what_uses_them(folder: str) -> None:
    others = [f"compression.{name}" for name in (*METHODS, *ABOVE_METHODS) if name != folder]
    assert not forbidden(named(f"compression.{folder}"), *others)


def test_schemes_know_teachers_and_what_losses_see_and_nothing_else_of_the_engine() -> None:
    known = (
        "compression.schemes",
        "compression.distillation",
        "compression.data",
        "compression.models",
        "compression.teacher",
        "compression.exits",
        "compression.generated",
        *BASE,
    )
    engine = [module for module in named("compression") if module != "compression" and not within(module, *known)]
    assert named("compression.schemes")
    assert not forbidden(named("compression.schemes"), *engine)
    assert not forbidden([module for folder in METHODS for module in named(f"compression.{folder}")], "compression.schemes")


def test_edits_know_the_state_that_they_change_and_nothing_that_makes_or_repeats_them() -> None:
    allowed = ("compression.edits", "compression.steps", "compression.steps.state", "compression.steps.channels", *BASE)
    above = [module for module in named("compression") if module not in {"compression", *allowed}]
    above = [module for module in above if not within(module, "compression.edits")]
    assert named("compression.edits")
    assert not forbidden(named("compression.edits"), *above)


def test_charts_are_drawn_from_tables_alone() -> None:
    allowed = ("compression.charts", "compression.errors", "compression.texts", "compression.roles")
    engine = [module for module in named("compression") if module != "compression" and not within(module, *allowed)]
    assert not forbidden(named("compression.charts"), *engine, "torch", "sqlalchemy")


def test_only_runs_and_the_command_line_know_about_runs() -> None:
    above = ("compression.runs", "compression.__main__", "compression.cli", "compression.commands")
    below = [module for module in named("compression") if not within(module, *above)]
    assert not forbidden(below, "compression.runs")


def test_nothing_imports_in_a_circle() -> None:
    graph = {module: [name for name in imports(module, everywhere=False) if name in SOURCES] for module in SOURCES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"circular import: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("module", SOURCES)
def test_files_and_functions_stay_small(module: str) -> None:
    text = SOURCES[module].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= (LONGEST_PAGE if within(module, "pages") else LONGEST_FILE)
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {node.name: lines for node in functions if (lines := node.end_lineno - node.lineno + 1) > LONGEST_FUNCTION}
    assert not long


def test_names_say_what_they_hold() -> None:
    empty = {"utils", "util", "helpers", "helper", "manager", "misc", "common"}
    assert not empty & {part for module in SOURCES for part in module.split(".")}
