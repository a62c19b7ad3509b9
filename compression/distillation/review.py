"""Distillation by review: deep maps of the student, fused into shallow ones, are compared with the teacher's at all levels."""

from collections.abc import Iterator
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION, Batch, Seen
from compression.texts import mark as _

MOST_CHANNELS = 512
PYRAMID = (4, 2, 1)  # sides of the averages that are compared beside the maps themselves


class Fusion(nn.Module):
    """Fuses a stage of the student with what comes from the stages behind it, by weights for each pixel.

    Args:
        own: channels of the student's map.
        others: channels of the teacher's map.
        between: channels in which stages are fused.
        last: whether no stage is behind it.
    """

    def __init__(self, own: int, others: int, between: int, *, last: bool) -> None:
        super().__init__()
        self.enter = _convolution(own, between, 1)
        self.leave = _convolution(between, others, 3)
        self.attention = None if last else nn.Conv2d(2 * between, 2, kernel_size=1)

    def forward(self, own: Tensor, deeper: Tensor | None, size: torch.Size) -> tuple[Tensor, Tensor]:
        """Return the map that is compared, of the teacher's channels and size, and what goes on to the stage before."""
        fused = self.enter(own)
        if deeper is not None:
            deeper = functional.interpolate(deeper, fused.shape[2:])
            weights = self.attention(torch.cat([fused, deeper], 1)).sigmoid()
            fused = fused * weights[:, :1] + deeper * weights[:, 1:]
        fused = functional.interpolate(fused, size)
        return self.leave(fused), fused


@DISTILLATION.register(
    name="review",
    title=_("Knowledge review"),
    source="Chen, Liu, Zhao & Jia 2021, arXiv:2104.09044, section 3; the authors' code",
    per_example=False,
    needs=("features",),
    formula=r"\min\!\left(1, \tfrac{n+1}{w}\right)\,\beta\sum_m\mathrm{HCL}\!\left(\hat{f}_s^{(m)}, f_t^{(m)}\right)",
)
class Review(nn.Module):
    """Compares each stage of the teacher with all stages of the student from there on, fused from the last to the first.

    From the last stage on, each map of the student passes a 1x1 convolution, is added to what comes from the stages behind it,
    both weighted at each pixel by a 1x1 convolution that sees both (attention based fusion), and goes on to the stage before;
    a 3x3 convolution makes of it a map with the teacher's channels, which is compared at the teacher's size. The distance of
    two maps is the mean squared error of them, and of their averages over 4x4, 2x2 and 1x1 fields, as far as the map is larger,
    which count a half, a quarter and an eighth (hierarchical context loss). Sizes are changed by repeating or leaving out
    pixels. All convolutions but the weighing ones have a batch norm behind them. None is part of the student that results.

    Three examples with one pixel of one channel: 1, 2 and 3 leave the norms as -1.2247, 0 and 1.2247, the teacher has 0, 0 and
    1.2247, and the error is 1.5 / 3. In the third step of a warm-up of four the term is 3 / 4 * 8 * 0.5 = 3.

    >>> from torch import nn, tensor
    >>> student = Seen(None, (tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1),))
    >>> teacher = Seen(None, (tensor([0.0, 0.0, 1.5**0.5]).view(3, 1, 1, 1),))
    >>> loss = Review(student, teacher, review_weight=8.0, warm_up=4)
    >>> for layer in (loss.fusions[0].enter[0], loss.fusions[0].leave[0]):
    ...     _ = nn.init.ones_(layer.weight)
    >>> round(float(loss(student, teacher, Batch(None, None, None, step=2))["review"].detach()), 3)
    3.0

    Args:
        student: what the student shows of any example.
        teacher: what the teacher shows of it.

    Differs: the stages are those that the two networks share, found from any pair; the code lists channels and sizes for each
    network, and has the embedding as a last stage. The warm-up counts steps, not epochs.
    """

    def __init__(
        self,
        student: Seen,
        teacher: Seen,
        *,
        review_weight: Annotated[
            float,
            Knob(_("Weight of the maps beside the labels"), low=0.01, high=50, step=0.01, logarithmic=True, symbol=r"\beta"),
        ] = 5.0,
        warm_up: Annotated[
            int, Knob(_("Steps in which the weight rises to its full size"), low=1, high=2_000, step=1, unit="steps", symbol="w")
        ] = 100,
    ) -> None:
        super().__init__()
        self.review_weight, self.warm_up = review_weight, warm_up
        channels = [(own.shape[1], others.shape[1]) for own, others in zip(student.features, teacher.features, strict=True)]
        between, last = min(MOST_CHANNELS, channels[-1][0]), len(channels) - 1
        fusions = (Fusion(own, others, between, last=place == last) for place, (own, others) in enumerate(channels))
        self.fusions = nn.ModuleList(fusions)

    def forward(self, student: Seen, teacher: Seen, batch: Batch) -> dict[str, Tensor]:
        """Return `review`, 0-d: review_weight * the sum over stages of the hierarchical context loss, rising in the warm-up."""
        distance = sum(_distance(own, others) for own, others in self._compared(student, teacher))
        return {"review": min(1.0, (batch.step + 1) / self.warm_up) * self.review_weight * distance}

    def _compared(self, student: Seen, teacher: Seen) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the maps of each stage, fused and the teacher's, from the last stage to the first."""
        deeper = None
        for fusion, own, others in zip(*map(reversed, (self.fusions, student.features, teacher.features)), strict=True):
            found, deeper = fusion(own, deeper, others.shape[2:])
            yield found, others.detach()


def _convolution(fan_in: int, fan_out: int, side: int) -> nn.Sequential:
    convolution = nn.Conv2d(fan_in, fan_out, side, padding=side // 2, bias=False)
    nn.init.kaiming_uniform_(convolution.weight, a=1)
    return nn.Sequential(convolution, nn.BatchNorm2d(fan_out, track_running_stats=False))


def _distance(own: Tensor, others: Tensor) -> Tensor:
    """Return the hierarchical context loss of two maps of one size: the weighted mean of errors at growing distance, 0-d."""
    errors = [functional.mse_loss(own, others)]
    for side in (side for side in PYRAMID if side < min(others.shape[2:])):
        errors.append(functional.mse_loss(*(functional.adaptive_avg_pool2d(maps, side) for maps in (own, others))))
    weights = [0.5**place for place in range(len(errors))]
    return sum(weight * error for weight, error in zip(weights, errors, strict=True)) / sum(weights)
