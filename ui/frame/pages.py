"""The pages of the app: what each is called, where it lies and what it is for."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from compression.texts import gettext as _
from compression.texts import mark

PAGES_FOLDER = Path(__file__).resolve().parents[2] / "pages"


@dataclass(frozen=True)
class Place:
    """One page; `title` and `purpose` are source texts, translated when shown."""

    name: str
    title: str
    icon: str
    purpose: str

    def page(self) -> st.Page:
        """Return what Streamlit's navigation takes; the address is the page's name, and home lies at the root."""
        return st.Page(
            PAGES_FOLDER / f"{self.name}.py",
            title=_(self.title),
            icon=self.icon,
            url_path="" if self.name == "home" else self.name,
            default=self.name == "home",
            help=_(self.purpose),
        )


HOME = Place("home", mark("Home"), ":material/home:", mark("What this lab is, and where to start."))
DISTILL = Place("distill", mark("Distill"), ":material/school:", mark("Teach a small network with a large one."))
COMPRESS = Place("compress", mark("Compress"), ":material/compress:", mark("Prune and quantize a network, then let it recover."))
TEMPERATURE = Place(
    "temperature",
    mark("Temperature"),
    ":material/thermostat:",
    mark("Drag T, and see what a teacher's answers say beside the label, and why the loss has T² in it."),
)
PAPERS = Place(
    "papers",
    mark("Papers"),
    ":material/menu_book:",
    mark("What papers report, and what this lab measured: on the paper's own task, or on a smaller one where a card says so."),
)
COMPARE = Place(
    "compare", mark("Compare"), ":material/scatter_plot:", mark("Weigh every finished model: accuracy, size, latency.")
)
RUNS = Place("runs", mark("Runs"), ":material/history:", mark("The queue and the history: follow, cancel, resume, repeat."))
SECTIONS: dict[str, tuple[Place, ...]] = {
    mark("Lab"): (HOME, DISTILL, COMPRESS),
    mark("Understand"): (TEMPERATURE, PAPERS),
    mark("Results"): (COMPARE, RUNS),
}


def header(place: Place) -> None:
    """Draw a page's title and its one line of purpose."""
    st.title(_(place.title), anchor=False)
    st.caption(_(place.purpose))


def sections() -> dict[str, list[st.Page]]:
    """Return the pages as Streamlit's navigation takes them."""
    return {_(title): [place.page() for place in places] for title, places in SECTIONS.items()}
