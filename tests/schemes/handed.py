"""What a scheme that trains two networks together hands to the lab."""

from typing import Any

import torch

from compression.schemes import SCHEMES, Learner


def handed_to_the_lab(scheme: str, **knobs: Any) -> tuple[list[str], Any]:
    """Return the roles that a scheme trains together, and the loss or the losses by which."""
    handed = []

    class Lab:
        def students(self, train: Any) -> Any:
            student = Learner("student", 0, 0.1, "student", {}, torch.nn.Identity())
            student.beside["teacher"] = Learner("teacher", 0, 0.1, "teacher", {}, torch.nn.Identity())
            yield from train(student)

        def train_together(self, learners: Any, losses: Any) -> Any:
            handed.append(([learner.role for learner in learners], losses))
            yield {}

    list(SCHEMES[scheme].bind(knobs)(Lab()))
    (found,) = handed
    return found
