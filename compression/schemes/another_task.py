"""Transfer to another task: the features of a teacher that was trained on other images and classes."""

from typing import Annotated

from compression.catalog import Knob
from compression.data import DATASETS
from compression.schemes import SCHEMES, Events, Lab
from compression.texts import mark as _


@SCHEMES.register(
    title=_("From another task: a teacher of other data"),
    source="Ahn, Hu, Damianou, Lawrence & Dai 2019, arXiv:1904.05835, transfer learning",
    before=lambda spec: {"source": spec.teacher},
    teacher_dataset="teacher_dataset",
    titles={"source": _("Other task's teacher")},
    help=_("the other task's teacher"),
    usual={"loss": {"name": "pkt"}},
)
def another_task(
    lab: Lab,
    *,
    teacher_dataset: Annotated[
        str, Knob(_("What the teacher is trained on: any dataset but the student's, own images by name too"), registry=DATASETS)
    ] = "mnist",
) -> Events:
    """Trains a teacher on another dataset; the student learns its own labels, and its features from that teacher.

    The teacher is shown the student's images in the shape that it takes: resized bilinearly, grey repeated in three channels or
    colour as its luma, and normalized with the mean and the deviation of the teacher's training images. Its logits are of other
    classes, so that only losses on feature maps or embeddings (the trait `needs`) can compare the two networks; all others are
    refused. For the same reason there is no agreement, no accuracy of the teacher on the student's task and no second claim: a
    result has the teacher's accuracy on its own test images, apart from the networks that are compared.

    Differs: the paper's source task is a large one of natural images. With a small teacher of MNIST (one epoch), students on 200
    images of digits and five seeds, PKT gave +2.1 points (95 % interval -0.6 to +4.8), VID -0.6 (-3.3 to +2.1); on 100 images
    similarity and RKD with their usual weights did harm (-14 and -29 points). It need not help, which is what a run shows.
    """
    source = yield from lab.obtain("source")
    yield from lab.students(lambda student: lab.train(student, teacher=source))
