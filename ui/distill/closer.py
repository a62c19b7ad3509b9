"""A closer look at a finished distillation: images rescued and lost, accuracy by class, calibration; on test images."""

import base64
import html
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from compression.answers import Answers
from compression.charts.by_class import HEIGHT as BARS_HEIGHT
from compression.charts.by_class import describe_accuracy_by_class
from compression.charts.numbers import format_count, format_percent
from compression.charts.reliability import FEWEST, describe_reliability
from compression.charts.reliability import HEIGHT as RELIABILITY_HEIGHT
from compression.charts.style import role_look
from compression.errors import LabError
from compression.measure.calibration import BINS, accuracy_by_class, calibration
from compression.roles import role_title
from compression.runs.frames import models_of
from compression.runs.records import FINISHED, Run
from compression.texts import gettext as _
from compression.texts import mark, ngettext
from ui.address.settings import Address, refused
from ui.distill import loss_scale
from ui.run import answers
from ui.run.words import as_text, titles
from ui.widgets.live_chart import live_chart

CSS = Path(__file__).with_name("closer.css")
VIEW, SEED = "look", "look.seed"
VIEWS = {
    "rescued": mark("Rescued images"),
    "classes": mark("By class"),
    "calibration": mark("Calibration"),
    "scale": mark("Loss scale"),
}
MOST_MACS, FEWEST_IMAGES = 2e10, 200  # what a view may cost: some seconds of a core
MOST_SHOWN = 12
SEED_WIDTH = 160  # pixels


def note(address: Address, run: Run | None) -> None:
    """Give what the views show of a run its place in the address, which is written before they are drawn."""
    if run is None or run.state != FINISHED or not run.result:
        return
    view = address.read(VIEW, None, _view)
    address.keep(VIEW, view or "")
    seeds = _seeds(run)
    seed = address.read(SEED, seeds[0], lambda text: _seed(text, seeds))
    if seed not in seeds:
        seed = st.session_state[address.key(SEED)] = seeds[0]
    if view == "rescued" and len(seeds) > 1:
        address.keep(SEED, seed)


def _view(text: str) -> str:
    if text not in VIEWS:
        allowed = _("allowed is one of {names}").format(names=", ".join(VIEWS))
        raise refused(_("Look closer"), text, allowed, None)
    return text


def _seed(text: str, seeds: Sequence[int]) -> int:
    if text not in map(str, seeds):
        allowed = _("allowed is one of {names}").format(names=", ".join(map(str, seeds)))
        raise refused(_("Seed"), text, allowed, seeds[0])
    return int(text)


def _seeds(run: Run) -> list[int]:
    return [row["seed"] for row in (models_of(run).get("student") or {}).get("per_seed", ())] or [0]


def draw(address: Address, run: Run) -> None:
    """Draw the choice of a view, and the one that is chosen; what it needs is computed then."""
    looks = {"key": address.key(VIEW), "format_func": lambda view: _(VIEWS[view]), "persist_state": "session"}
    view = st.segmented_control(_("Look closer"), [*VIEWS], **looks)
    try:
        if view == "rescued":
            _rescued(address, run)
        elif view == "scale":
            loss_scale.draw(run)
        elif view:
            found = [answers.asked(answers.of_run(run, seed), "test", _images(run)) for seed in _seeds(run)]
            {"classes": _by_class, "calibration": _calibration}[view](run, found)
    except LabError as error:
        st.info(as_text(str(error)), icon=":material/hourglass_top:")


def _images(run: Run) -> int:
    """Return of how many test images all networks of a run may be asked."""
    cost = sum(model.get("macs", 0) * len(model.get("per_seed", ())) for model in models_of(run).values())
    return max(FEWEST_IMAGES, int(MOST_MACS // max(cost, 1)))


def _told(run: Run, count: int) -> str:
    """Return on how many test images a view stands."""
    whole = ((run.result or {}).get("images") or {}).get("test")
    if whole and count < whole:
        told = _("the first {count} of {whole} test images").format(count=format_count(count), whole=format_count(whole))
    else:
        told = _("all {count} test images").format(count=format_count(count))
    return told


def _by_class(run: Run, found: Sequence[Answers]) -> None:
    rows = [
        (role, seed, name, accuracy)
        for seed, one in enumerate(found)
        for role, logits in one.logits.items()
        for name, accuracy in zip(_classes(one), accuracy_by_class(logits, one.split.labels).tolist(), strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["role", "seed", "class", "accuracy"])
    figure = describe_accuracy_by_class(frame, titles=titles(run.spec), revision=run.id)
    live_chart(json.dumps(figure), key="closer-classes", label=_("Test accuracy by class"), height=BARS_HEIGHT)
    images = _told(run, len(found[0].split))
    st.caption(as_text(_("Means of {seeds} seeds, on {images}.").format(seeds=len(found), images=images)))


def _calibration(run: Run, found: Sequence[Answers]) -> None:
    labels, frames = torch.cat([one.split.labels for one in found]), []
    for role in found[0].logits:
        pooled = calibration(torch.cat([one.logits[role] for one in found]), labels)
        bins = {name: getattr(pooled, name).tolist() for name in ("confidence", "accuracy", "count")}
        frames.append(pd.DataFrame({"role": role, **bins}))
    figure = describe_reliability(pd.concat(frames), titles=titles(run.spec), revision=run.id)
    live_chart(json.dumps(figure), key="closer-calibration", label=_("Accuracy over confidence"), height=RELIABILITY_HEIGHT)
    st.caption(as_text(_errors(run, found)))


def _errors(run: Run, found: Sequence[Answers]) -> str:
    """Return the expected calibration error of each role, and what it stands on."""
    named, told = titles(run.spec), []
    for role in found[0].logits:
        values = [calibration(one.logits[role], one.split.labels).error for one in found]
        told.append(f"{role_title(role, named)} {_range(values)}")
    sentence = _(
        "Expected calibration error, how far confidence and accuracy lie apart on average: {errors}. {bins} bins (drawn from"
        " {fewest} images on), {seeds} seeds, {images}. Of two networks that are as often right, the one with the smaller error"
        " knows better when to doubt itself."
    )
    numbers = {"bins": BINS, "fewest": FEWEST, "seeds": len(found), "images": _told(run, len(found[0].split))}
    return sentence.format(errors="; ".join(told), **numbers)


def _classes(found: Answers) -> list[str]:
    return [_class(found, number) for number in range(next(iter(found.logits.values())).shape[1])]


def _range(values: Sequence[float]) -> str:
    mean = format_percent(sum(values) / len(values))
    if max(values) == min(values):
        return mean
    return _("{mean} ({low} to {high})").format(mean=mean, low=format_percent(min(values)), high=format_percent(max(values)))


def _rescued(address: Address, run: Run) -> None:
    """Draw the test images on which baseline and student differ, with what each network says of them."""
    if "baseline" not in models_of(run):
        st.info(_("Without a baseline there is nothing to compare with; train one too."))
        return
    seeds = _seeds(run)
    if len(seeds) > 1:
        st.selectbox(_("Seed"), seeds, key=address.key(SEED), persist_state="session", width=SEED_WIDTH)
    seed = st.session_state[address.key(SEED)]
    found = answers.asked(answers.of_run(run, seed), "test", _images(run))
    right = {role: logits.argmax(1) == found.split.labels for role, logits in found.logits.items()}
    rescued, lost = right["student"] & ~right["baseline"], right["baseline"] & ~right["student"]
    errors = int((~right["baseline"]).sum())
    sentence = ngettext(
        "Of the baseline's {count} error on {images}, the student avoids {avoided} and makes {new} others (seed {seed}).",
        "Of the baseline's {count} errors on {images}, the student avoids {avoided} and makes {new} others (seed {seed}).",
        errors,
    )
    numbers = {"count": errors, "avoided": int(rescued.sum()), "new": int(lost.sum()), "seed": seed}
    st.markdown(as_text(sentence.format(**numbers, images=_told(run, len(found.split)))))
    st.html(CSS)
    for title, chosen in ((_("The baseline is wrong, the student right"), rescued), (_("The reverse"), lost)):
        if chosen.any():
            _gallery(title, found, chosen, titles(run.spec))


def _gallery(title: str, found: Answers, chosen: Tensor, named: Mapping[str, str]) -> None:
    """Draw images, those first on which the two networks differ most in the probability of the label."""
    probabilities = {role: functional.softmax(logits, 1) for role, logits in found.logits.items()}
    labels = found.split.labels.unsqueeze(1)
    gap = (probabilities["student"].gather(1, labels) - probabilities["baseline"].gather(1, labels)).abs().squeeze(1)
    places = chosen.nonzero().squeeze(1)
    places = places[gap[places].argsort(descending=True, stable=True)]
    shown = places[:MOST_SHOWN].tolist()
    more = _(" ({shown} of {count} shown)").format(shown=len(shown), count=len(places)) if len(places) > len(shown) else ""
    st.markdown(f"**{as_text(title)}**{as_text(more)}")
    st.html(f'<div class="rescued">{"".join(_figure(found, probabilities, place, named) for place in shown)}</div>')


def _figure(found: Answers, probabilities: Mapping[str, Tensor], place: int, named: Mapping[str, str]) -> str:
    label = int(found.split.labels[place])
    lines = [f"<b>{html.escape(_('Label {label}').format(label=_class(found, label)))}</b>"]
    for role, values in probabilities.items():
        share, predicted = values[place].max(0)
        text = f"{role_title(role, named)}: {_class(found, int(predicted))}, {format_percent(float(share))}"
        lines.append(f'<span class="answer"><i style="--role: {role_look(role).colour}"></i>{html.escape(text)}</span>')
    picture = picture_url(found.split.inputs[place])
    alternative = html.escape(_("Test image {place}").format(place=place), quote=True)
    return f'<figure><img src="{picture}" alt="{alternative}"><figcaption>{"".join(lines)}</figcaption></figure>'


def _class(found: Answers, number: int) -> str:
    return str(found.class_names[number]) if found.class_names else str(number)


def picture_url(pixels: Tensor) -> str:
    """Return an image, uint8 (C, H, W) with one channel or three, as a data URL of a PNG."""
    array: Any = pixels[0].numpy() if len(pixels) == 1 else pixels.permute(1, 2, 0).contiguous().numpy()
    memory = io.BytesIO()
    Image.fromarray(array).save(memory, "PNG")
    return "data:image/png;base64," + base64.b64encode(memory.getvalue()).decode()
