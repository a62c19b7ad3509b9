"""The result of a run: the verdict in words, and a card a role with its numbers and how each was come by."""

import html
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from compression import precision
from compression.charts.numbers import (
    format_count,
    format_percent,
)
from compression.charts.style import role_look
from compression.charts.tradeoff import evidence_title
from compression.data import DATASETS
from compression.roles import TITLES, role_title, roles_in_order
from compression.runs.records import Run
from compression.texts import gettext as _
from compression.texts import mark, ngettext
from ui.run import layers_compared
from ui.run.costs import Row, card_rows
from ui.run.decimals import result_decimals
from ui.run.downloads import network_button
from ui.run.ratios import savings
from ui.run.verdicts import verdicts_of
from ui.run.words import as_text, network, titles

CSS = Path(__file__).with_name("result_cards.css")
SHAPES = {"triangle-up": "triangle"}  # whose names the style sheet has otherwise
CARDS_A_ROW = 3
CONVERGENCE = {
    "still_falling": (
        mark("Training loss was still falling at the end in {count} of {seeds} seeds: more epochs may help."),
        mark("Training loss was still falling at the end: more epochs may help."),
    ),
    "validation_rising": (
        mark("Validation loss rose at the end in {count} of {seeds} seeds: fewer epochs or a smaller learning rate may help."),
        mark("Validation loss rose at the end: fewer epochs or a smaller learning rate may help."),
    ),
}


def show_verdict(run: Run) -> None:
    """Draw the questions that a finished run answers, with their answers, and how much smaller and faster the network is."""
    with st.container(border=True, key="verdict", gap="xsmall"):
        for verdict in verdicts_of(run):
            badge = f":{verdict.colour}-badge[{verdict.icon} {as_text(verdict.word)}]"
            remark = f" :gray[{as_text(verdict.remark)}]" if verdict.remark else ""
            st.markdown(f"**{as_text(verdict.question)}** {badge} {as_text(verdict.sentence)}{remark}")
        if told := savings((run.result or {}).get("models", {}), titles(run.spec)):
            st.markdown(as_text(told))


def show_roles(run: Run) -> None:
    """Draw the roles of a finished run side by side, each with its networks to download."""
    st.html(CSS)
    result = run.result or {}
    models, names = result.get("models", {}), titles(run.spec)
    rows = card_rows_of(models)
    for row in rows:
        # Rows below the first are as wide as it: cards stand under one another.
        for column, role in zip(st.columns(max(len(rows[0]), len(row)), gap="small"), row, strict=False):
            against = None if role == rows[0][0] else models[rows[0][0]]
            with column.container(border=True, height="stretch", gap="small"):
                st.html(card_html(role, models[role], against, result, names))
                _download(run, role, models[role])
    if "other_task" in result:
        _show_other_task(run, result["other_task"])
    if "precision" in result:
        st.caption(as_text(precision.sentence(result["precision"])))
    for sentence in layers_compared.sentences(run.spec, result):
        st.caption(as_text(sentence))
    st.caption(_("How these numbers were come by"), help=origins())


def _show_other_task(run: Run, found: Mapping[str, Any]) -> None:
    """Draw what is known of a teacher of another task, which stands apart from the networks that are compared."""
    model, data = found["model"], DATASETS[found["dataset"]].title if found["dataset"] in DATASETS else found["dataset"]
    sentence = _(
        "{role}: {network}, {parameters} parameters, right on {accuracy} of the {count} test images of {data}. On the student's"
        " images it has no accuracy: its classes are others."
    )
    told = sentence.format(
        role=role_title(found["role"], titles(run.spec)),
        network=network(model["architecture"]),
        parameters=format_count(model["parameters"]),
        accuracy=format_percent(model["accuracy"]),
        count=format_count(found["images"]["test"]),
        data=_(data),
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(as_text(told), width="stretch")
        network_button(run, str(model.get("artifact")), _("Download it"), key=f"download-{run.id}-other-task")


def card_rows_of(roles: Iterable[str]) -> list[list[str]]:
    """Return roles in rows of cards: those of every run first, below them those that a scheme brings, three a row."""
    known = [role for role in roles_in_order(roles) if role in TITLES]
    others = [role for role in roles_in_order(roles) if role not in TITLES]
    further = [others[place : place + CARDS_A_ROW] for place in range(0, len(others), CARDS_A_ROW)]
    return [row for row in (known, *further) if row]


def _download(run: Run, role: str, model: Mapping[str, Any]) -> None:
    """Draw which seed's network to take away, the best on validation at first, and the button that does."""
    rows = {row["seed"]: row for row in model.get("per_seed", [])}
    if not rows:
        return
    chosen = best_seed(model)
    if len(rows) > 1:
        looks = {"format_func": lambda seed: seed_title(rows[seed]), "key": f"seed-{run.id}-{role}"}
        help_text = _("The best on validation at first; the numbers above are those of all together")
        chosen = st.selectbox(_("Seed (validation)"), [*rows], index=[*rows].index(chosen), help=help_text, **looks)
    name = str(rows[chosen].get("artifact") or model.get("artifact"))
    label = _("Download seed {seed}").format(seed=chosen)
    network_button(run, name, label, key=f"download-{run.id}-{role}", width="stretch")


def best_seed(model: Mapping[str, Any]) -> int:
    """Return the seed whose network is best on validation images; the first of equals, and where that is not known."""
    return max(model["per_seed"], key=lambda row: row.get("validation_accuracy", 0.0))["seed"]


def seed_title(row: Mapping[str, Any]) -> str:
    """Return a seed with how its network does on validation images, where that is known."""
    accuracy = row.get("validation_accuracy")
    return str(row["seed"]) if accuracy is None else f"{row['seed']} ({format_percent(accuracy)})"


def origins() -> str:
    """Return what the words beside the numbers mean, a line each."""
    lines = {
        evidence_title("measured"): _(
            "run here, on real kernels; p95: of 100 timings 95 are faster; networks of the same structure share one latency"
        ),
        evidence_title("file"): _("from a file that loads back to the same predictions"),
        evidence_title("simulated"): _(
            "computed at full precision, with weights or activations that are set to zero or rounded; a latency: of "
            "the network without rounding its activations, as no kernel here computes with rounded ones"
        ),
        evidence_title("counted"): _("follows from the network's shape"),
        _("seed"): _("the number from which the first weights and the order of the images are drawn; each seed is a training"),
        _("MACs"): _("multiply-accumulates: how often a weight is multiplied and added for one image"),
        _("95 % interval"): _("over seeds and test images together"),
        _("smaller"): _("files compared with files"),
        _("faster"): _("medians of latency compared; behind it a 95 % interval over turns in which both were timed"),
        _("not reliable"): _("many calls took several times as long as the median, or one structure has two latencies"),
    }
    return "\n".join(f"- **{word}**: {meaning}" for word, meaning in lines.items())


def card_html(
    role: str,
    model: Mapping[str, Any],
    against: Mapping[str, Any] | None = None,
    result: Mapping[str, Any] | None = None,
    titles: Mapping[str, str] | None = None,
) -> str:
    """Return a role's card; `against` is the network that it is compared with, `result` that of the whole run.

    Args:
        titles: names of roles that are not the usual ones.
    """
    style, whole = role_look(role), result or {}
    rows = "".join(
        f'<div class="number"><span>{_both(name, how)}</span><span>{_both(value, note)}</span></div>'
        for name, how, value, note in [
            *_learning_rows(role, model, whole),
            *card_rows(model, against, titles, [*whole.get("models", {}).values()]),
        ]
    )
    warnings = "".join(f'<div class="unfinished">{html.escape(sentence)}</div>' for sentence in unfinished(model))
    return (
        f'<div class="role-card" style="--role: {style.colour}">'
        f'<div class="role"><i class="{SHAPES.get(style.symbol, style.symbol)}"></i>{html.escape(role_title(role, titles))}</div>'
        f'<div class="network">{html.escape(network(model.get("architecture")))}</div>'
        f'<div class="accuracy">{html.escape(format_percent(model["accuracy"], result_decimals(whole)))}</div>'
        f"{''.join(f'<small>{html.escape(line)}</small>' for line in _basis(model, whole))}{warnings}{rows}</div>"
    )


def _basis(model: Mapping[str, Any], result: Mapping[str, Any]) -> list[str]:
    """Return what the accuracy of a card stands on: its split, its images, its seeds, its interval."""
    images = result.get("images", {}).get("test")
    split = _("test, {count} images").format(count=format_count(images)) if images else _("test images")
    low, high = (100 * bound for bound in model["accuracy_interval"])
    evidence = evidence_title(model.get("evidence", {}).get("accuracy"))
    return [
        f"{split} · {_mean(model)}",
        _("95 % interval {low:.1f} to {high:.1f} % · {how}").format(low=low, high=high, how=evidence),
    ]


def _mean(model: Mapping[str, Any]) -> str:
    seeds = len(model.get("per_seed", []))
    if model.get("members"):
        return _("mean of {count} networks' probabilities").format(count=model["members"])
    return _("one seed") if seeds <= 1 else _("mean of {seeds} seeds").format(seeds=seeds)


def unfinished(model: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each way in which some of a role's trainings have not converged, with what may help."""
    found = [row.get("convergence") for row in model.get("per_seed", [])]
    told = []
    for reason, (some, only) in CONVERGENCE.items():
        if count := found.count(reason):
            told.append(_(only) if len(found) == 1 else _(some).format(count=count, seeds=len(found)))
    return told


def _learning_rows(role: str, model: Mapping[str, Any], result: Mapping[str, Any]) -> list[Row]:
    """Return how a role was on the images that were chosen by, how many it learned from, and at which rate."""
    images, rows = result.get("images", {}), []
    with_student = _("beside the student") if model.get("beside") else _("as part of the student") if model.get("part_of") else ""
    rows += [(_("Trained"), _("one for each seed"), with_student, "")] if with_student else []
    if model.get("validation_accuracy") is not None:
        count = _("{count} images").format(count=format_count(images["validation"])) if "validation" in images else ""
        rows.append((_("Validation"), count, format_percent(model["validation_accuracy"]), ""))
    if model.get("alone") is not None:
        how = _("test, mean of {count} networks").format(count=model["members"])
        rows.append((_("Each alone"), how, format_percent(model["alone"]), ""))
    if model.get("before_recovery") is not None:
        how = _("test, {mean}, simulated").format(mean=_mean(model))
        rows.append((_("Before recovery"), how, format_percent(model["before_recovery"]), ""))
    as_student = role in ("baseline", "student") or bool(with_student)
    learned = images.get("transfer" if as_student else "train")
    brought = model.get("weights") or {}
    if brought and role != "compressed":
        rows.append(_weights_row(brought))
    if model.get("made_images"):
        rows.append(_made_row(model["made_images"]))
    elif learned and role != "compressed" and (not brought or brought["new_classifier"]):
        classes = images.get("transfer_classes") if as_student else None
        how = _("of classes {classes} alone").format(classes=", ".join(map(str, classes))) if classes else ""
        rows.append((_("Learned from"), how, _("{count} images").format(count=format_count(learned)), ""))
    if unseen := model.get("unseen"):
        low, high = (100 * bound for bound in unseen["interval"])
        how = _("test, {count} images, {low:.1f} to {high:.1f} %")
        told = how.format(count=format_count(unseen["images"]), low=low, high=high)
        rows.append((_("Classes left out"), told, format_percent(unseen["accuracy"]), ""))
    if model.get("lr") is not None:
        tried = len(((result.get("tuning") or {}).get(role) or {}).get("tried", []))
        how = _("best of {count} on validation").format(count=tried) if tried else _("as set")
        how = _("the student's") if with_student else how
        rows.append((_("Learning rate"), how, f"{model['lr']:g}", ""))
    if cached := len(model.get("cached_seeds", [])):
        how = _("same settings, without the teacher")
        of = _("{count} of {seeds} seeds").format(count=cached, seeds=len(model["per_seed"]))
        rows.append((_("From an earlier run"), how, of, ""))
    return rows


def _made_row(images: int) -> Row:
    """Return how many images a network learned from that were made and not taken from the dataset."""
    return _("Learned from"), _("none of the dataset"), _("{count} made images").format(count=format_count(images)), ""


def _weights_row(brought: Mapping[str, Any]) -> Row:
    """Return from which file a network's weights are, and what was made of them."""
    told = [ngettext("{count} tensor", "{count} tensors", brought["tensors"]).format(count=brought["tensors"])]
    told += [_("{count} renamed").format(count=brought["renamed"])] if brought["renamed"] else []
    told += [_("{types} to float32").format(types=", ".join(brought["converted"]))] if brought["converted"] else []
    told += [_("new classifier, trained on")] if brought["new_classifier"] else []
    how = _("inputs normalized as it says") if brought["normalization"] == "file" else _("inputs normalized as the dataset's")
    return _("Weights"), how, _("file {id}").format(id=brought["file"][:8]), ", ".join(told)


def _both(text: str, small: str) -> str:
    return html.escape(text) + (f"<small>{html.escape(small)}</small>" if small else "")
