"""Distillation by attention maps: where in an image a network's features are strong."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION, Batch, Seen, to_smaller
from compression.texts import mark as _

SMALLEST = 1e-12
DIFFERENCE = r"\widehat{|f_s^{(m)}|^p} - \widehat{|f_t^{(m)}|^p}"
FORMULAS = {
    "code": rf"\beta\sum_m\overline{{\left({DIFFERENCE}\right)^2}}",
    "paper": rf"\frac{{\beta}}{{2}}\sum_m\frac{{1}}{{H_mW_m}}\overline{{\left\lVert{DIFFERENCE}\right\rVert_2}}",
}


def _formula(knobs: Mapping[str, Any]) -> str:
    return FORMULAS[knobs["form"]]


@DISTILLATION.register(
    title=_("Attention transfer"),
    source="Zagoruyko & Komodakis 2017, arXiv:1612.03928, equation 2 (form paper); the authors' code (form code)",
    per_example=True,
    needs=("features",),
    formula=_formula,
)
def attention(
    student: Seen,
    teacher: Seen,
    batch: Batch,
    *,
    attention_weight: Annotated[
        float,
        Knob(_("Weight of the attention maps beside the labels"), low=1, high=10_000, step=1, logarithmic=True, symbol=r"\beta"),
    ] = 100.0,
    power: Annotated[
        float, Knob(_("Power of the features: the higher, the more the strongest count"), low=1, high=4, step=0.5, symbol="p")
    ] = 2.0,
    form: Annotated[
        Literal["code", "paper"],
        Knob(_("Distance of two attention maps: mean squared as in the authors' code, or half the length as in the paper")),
    ] = "code",
) -> dict[str, Tensor]:
    """Pulls the places where the student's feature maps are strong towards those of the teacher, at every stage.

    A stage's attention map is the mean over channels of |feature| to a power, averaged down to the smaller of both networks'
    heights and widths and divided by its length (the hat in the formula): scales and numbers of channels do not matter.

    Two pixels: three of the student's four channels are 2 at the first and all at the second, so that the means of the cubes
    are 6 and 8, and the map is (0.6, 0.8); the teacher's is (0.8, 0.6), 0.282843 away, and 300 / 2 * 0.282843 / 2 = 21.2132.

    >>> from torch import tensor
    >>> student = Seen(None, (tensor([[2.0, 2.0], [2.0, 2.0], [2.0, 2.0], [0.0, 2.0]]).view(1, 4, 1, 2),))
    >>> teacher = Seen(None, (student.features[0].flip(3),))
    >>> terms = attention(student, teacher, None, attention_weight=300.0, power=3.0, form="paper")
    >>> round(float(terms["attention"]), 4)
    21.2132

    Returns:
        `attention`, 0-d: the sum over stages of attention_weight times the mean squared difference (form "code"), or times half
        the length of the difference over the number of pixels, the mean over examples (form "paper").

    Differs: the paper has 1000 over pixels and examples in both forms, which on maps of 8x8 costs small students accuracy.
    """
    pairs = (_maps(own, others.detach(), power) for own, others in zip(student.features, teacher.features, strict=True))
    return {"attention": attention_weight * sum(_squared(*pair) if form == "code" else _length(*pair) for pair in pairs)}


def _maps(own: Tensor, others: Tensor, power: float) -> tuple[Tensor, Tensor]:
    """Return the attention maps (B, pixels) of two feature maps, each of length 1."""
    own, others = to_smaller(_strength(own, power), _strength(others, power))
    return functional.normalize(own.flatten(1)), functional.normalize(others.flatten(1))


def _strength(maps: Tensor, power: float) -> Tensor:
    """Return how strong features (B, C, H, W) are at each pixel, (B, 1, H, W), up to a factor of each example."""
    # Without this factor, high powers of small features are smaller than what normalize can divide by.
    largest = maps.detach().abs().amax((1, 2, 3), keepdim=True).clamp_min(SMALLEST)
    return (maps / largest).abs().pow(power).mean(1, keepdim=True)


def _squared(own: Tensor, others: Tensor) -> Tensor:
    return functional.mse_loss(own, others)


def _length(own: Tensor, others: Tensor) -> Tensor:
    return (own - others).norm(dim=1).mean() / 2 / own.shape[1]
