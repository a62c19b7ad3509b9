"""Distillation without data: a generator learns what the teacher is sure of, and the student learns from its images."""

from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import Batch, Seen, softened_divergence
from compression.generated import Making
from compression.schemes import SCHEMES, TEMPERATURE, Asked, Events, Lab, Learner
from compression.texts import mark as _

BATCH = Knob(_("Made images a step; with few a generator forgets classes"), low=16, high=1024, step=16, unit="images")
STEPS = Knob(_("Steps an epoch"), low=2, high=200, step=2)
WIDTH = Knob(_("Filters of the generator's last hidden layer; the one before has twice as many"), low=2, high=64, step=2)
GENERATOR_LR = Knob(_("Learning rate of the generator, of Adam"), low=1e-4, high=0.2, step=1e-4, logarithmic=True)
ENTROPY = Knob(
    _("What it is worth to the generator that a batch has all classes alike"), low=0, high=50, step=0.5, symbol=r"\beta"
)
ACTIVATION = Knob(_("What strong features of the teacher are worth to the generator"), low=0, high=1, step=0.05, symbol=r"\gamma")


def wishes(entropy: float, activation: float, seen: Seen) -> dict[str, Tensor]:
    """Return what a generator minimizes, 0-d each, of what the teacher shows of its images.

    Source: Chen et al. 2019, arXiv:1904.01186, equations 2 to 5; the logarithm of the entropy has base 10 as in their code.
    """
    logits, mean = seen.logits, seen.logits.softmax(1).mean(0)
    return {
        "one_hot": functional.cross_entropy(logits, logits.argmax(1)),
        "entropy": entropy * torch.xlogy(mean, mean).sum() / torch.log(torch.tensor(10.0)),
        "activation": -activation * seen.embedding.abs().mean(),
    }


def sizes(spec: Asked) -> dict[str, dict[str, int]]:
    """Return how many images a step has, how many steps an epoch, and how wide the generator is, for student and noise."""
    counts = {name: spec.scheme[name] for name in ("batch", "steps", "width")}
    return {"student": counts, "noise": {**counts, "width": 0}}


@SCHEMES.register(
    title=_("Data-free: a generator asks the teacher"),
    source="Chen, Wang, Xu, Yang, Liu, Shi, Xu, Xu & Tian 2019, arXiv:1904.01186, section 3",
    before=lambda spec: {"teacher": spec.teacher},
    beside=lambda spec: {"noise": spec.student},
    makes=sizes,
    rival="noise",
    help=_("the generator"),
    titles={"noise": _("On noise")},
    labels=False,
    formula=(
        r"T^2\,\mathrm{KL}\!\left(\sigma(z_t/T)\,\|\,\sigma(z_s/T)\right)"
        r"\text{; the generator:}\\ &-\log\max_k\sigma_k(z_t)\\ &- \beta\,\mathrm{H}\bigl(\overline{\sigma(z_t)}\bigr)"
        r"\\ &- \gamma\,\overline{\lvert e_t\rvert}"
    ),
    unused={
        "loss": _("without data the student learns the teacher's answers to made images by the scheme's own loss"),
        "label_weight": _("made images have no labels"),
    },
)
def data_free(
    lab: Lab,
    *,
    batch: Annotated[int, BATCH] = 128,
    steps: Annotated[int, STEPS] = 10,
    width: Annotated[int, WIDTH] = 8,
    generator_lr: Annotated[float, GENERATOR_LR] = 0.001,
    temperature: Annotated[float, TEMPERATURE] = 4.0,
    entropy: Annotated[float, ENTROPY] = 5.0,
    activation: Annotated[float, ACTIVATION] = 0.1,
) -> Events:
    """Trains a generator against the teacher, and the student on its images: it never sees an image of the dataset.

    In each step the generator makes a batch of images from noise. It is rewarded where the teacher is sure of one class, where
    the batch has all classes alike, and where the teacher's features are strong; the student learns the teacher's answers to the
    same images. Training images serve the teacher alone, and the baseline; validation and test images measure. What a generator
    must know of the data is in the teacher's file: the mean and the deviation of the pixels that it was trained on.

    The network called On noise is taught the same way on Gaussian noise: what the generator is worth shows against it. On 8x8
    digits noise teaches an MLP as much as the generator does, and a CNN far less; on MNIST it teaches an MLP less, too. The batch
    norm of a student knows made images alone.

    Differs: the paper takes 512 images a step, 120 steps in each of 200 epochs, a generator of 64 filters, temperature 1 and Adam
    for the student. Its learning rate of 0.2 for the generator needs so many steps: within a few hundred a student learns more
    from a generator that changes slowly, and from softer answers.
    """
    teacher = yield from lab.obtain("teacher")

    def taught(own: Seen, others: Seen, _batch: Batch) -> dict[str, Tensor]:
        return {"data_free": temperature**2 * softened_divergence(own.logits, others.logits, temperature)}

    def judged(seen: Seen) -> dict[str, Tensor]:
        return wishes(entropy, activation, seen)

    def both(student: Learner) -> Events:
        made = Making(batch, steps, taught, width, generator_lr, judged)
        yield from lab.train_on_generated(student, teacher=teacher, making=made)
        yield from lab.train_on_generated(student.beside["noise"], teacher=teacher, making=Making(batch, steps, taught))

    yield from lab.students(both, teacher=teacher)
