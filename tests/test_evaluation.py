"""Predicting leaves a network as it was."""

import torch
from torch import nn

from compression.data.arrays import Dataset, Split
from compression.evaluation import predict
from compression.measure.macs import macs

SHAPE = (1, 4, 4)


def test_frozen_children_stay_frozen() -> None:
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(16), nn.Linear(16, 4), nn.Dropout())
    model.train()
    model[1].eval()
    before = [module.training for module in model.modules()]
    part = Split(torch.zeros(8, *SHAPE, dtype=torch.uint8), torch.zeros(8, dtype=torch.int64))
    level = torch.ones(1, 1, 1, 1)
    predict(model, Dataset("zeros", "classification", 4, SHAPE, part, part, part, level, level), part.inputs)
    assert [module.training for module in model.modules()] == before
    macs(model, SHAPE)
    assert [module.training for module in model.modules()] == before
