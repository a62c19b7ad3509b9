"""Mutual learning against a plain loop written out here, and what a spec of it allows."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.nn import functional

from compression import networks
from compression.data.load import load_present
from compression.distillation import Batch, Seen
from compression.errors import SpecError
from compression.evaluation import score
from compression.execute import Workspace, execute
from compression.execute.students import BESIDE_SEED
from compression.settings import data_root
from compression.spec import override, parse
from compression.together import train_together
from compression.training import Epoch
from tests.schemes.handed import handed_to_the_lab
from tests.test_training import PLAIN, network, toy

MUTUAL = {"kind": "distill", "scheme": {"name": "mutual"}}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def loss_of_mutual(**knobs: Any) -> Any:
    """The loss that the scheme hands to the lab."""
    roles, loss = handed_to_the_lab("mutual", **knobs)
    assert roles == ["student", "teacher"]
    return loss


def test_both_peers_do_what_a_plain_loop_of_the_papers_equations_does():
    dataset, temperature, weight = toy(), 2.0, 0.5
    ours = [network(dataset), network(dataset, 1, 4)]
    theirs = [network(dataset), network(dataset, 1, 4)]
    loss = loss_of_mutual(temperature=temperature, weight=weight)
    told = [event for event in train_together(ours, dataset, PLAIN, loss, seed=3) if isinstance(event, tuple)]

    optimizers = []
    for model in theirs:
        decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
        others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
        optimizers.append(torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True))
    for epoch in (1, 2, 3):
        order = torch.randperm(70, generator=torch.Generator().manual_seed(3 * 1_000_003 + epoch))
        sums = [0.0, 0.0]
        for start in range(0, 64, 16):
            chosen = order[start : start + 16]
            inputs = (dataset.train.inputs[chosen].float() - dataset.mean) / dataset.std
            labels, answers = dataset.train.labels[chosen], [model(inputs) for model in theirs]
            probabilities = [functional.softmax(logits / temperature, 1) for logits in answers]
            for own, other in ((0, 1), (1, 0)):
                fixed = probabilities[other].detach()
                divergence = (fixed * (fixed.log() - probabilities[own].log())).sum(1).mean()
                total = functional.cross_entropy(answers[own], labels) + weight * temperature**2 * divergence
                optimizers[own].zero_grad()
                total.backward()
                sums[own] += float(total.detach())
            for optimizer in optimizers:
                optimizer.step()
        for peer, summed in zip(told[epoch], sums, strict=True):
            assert peer.values["train_loss"] == pytest.approx(summed / 4, abs=1e-5)
    for mine, plain in zip(ours, theirs, strict=True):
        for one, other in zip(mine.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4)


def test_its_value_worked_by_hand():
    # (0.731, 0.269) and (0.5, 0.5) at T = 2: KL(other || own) is 0.110944, and 0.5 * 2² * 0.110944 = 0.221888.
    loss = loss_of_mutual(temperature=2.0, weight=0.5)
    own, other = Seen(torch.tensor([[0.0, 0.0]])), Seen(torch.tensor([[2.0, 0.0]]))
    batch = Batch(torch.zeros(1), torch.tensor([0]), torch.tensor([0]), 0)
    assert float(loss(own, [other], batch)["mutual"]) == pytest.approx(0.221888, abs=1e-6)
    assert float(loss(own, [other, own], batch)["mutual"]) == pytest.approx(0.221888 / 2, abs=1e-6)


def test_the_students_curve_has_its_agreement_with_the_peer_of_the_same_epoch():
    dataset = toy()
    models = [network(dataset), network(dataset, 1, 4)]
    for event in train_together(models, dataset, PLAIN, loss_of_mutual(), seed=3):
        if isinstance(event, tuple):
            assert all(isinstance(epoch, Epoch) for epoch in event)
            inputs = dataset.normalize(dataset.validation.inputs)
            choices = [model.eval()(inputs).argmax(1) for model in models]
            for model in models:
                model.train()
            assert event[0].values["agreement"] == pytest.approx(float((choices[0] == choices[1]).float().mean()))
            assert "agreement" not in event[1].values


def test_peers_of_one_architecture_begin_differently():
    dataset = toy()
    one, other = (networks.build({"name": "cnn", "width": 2}, dataset, seed=seed) for seed in (0, BESIDE_SEED))
    assert not all(torch.equal(mine, its) for mine, its in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"loss": {"name": "kd"}}, "loss"),
        ({"label_weight": 1}, "label_weight"),
        ({"teacher_train": {"epochs": 3}}, "teacher_train"),
        ({"teacher": {"run": "abcdef", "role": "student", "seed": 0}}, "teacher.run"),
        ({"scheme": {"name": "mutual", "temperature": 0}}, "scheme.temperature"),
        ({"scheme": {"name": "mutual", "rate": 0}}, "scheme.rate"),
        ({"scheme": "mutal"}, "scheme.name"),
        ({"scheme": 3}, "scheme"),
    ],
)
def test_what_makes_no_sense_with_it_is_refused_in_one_sentence(fields, field):
    with pytest.raises(SpecError) as refused:
        parse({**MUTUAL, **fields})
    assert refused.value.field == field
    assert str(refused.value).count("\n") == 0


def test_its_spec_is_complete_without_a_loss():
    spec = parse({**MUTUAL, "scheme": "mutual"})
    assert spec.to_json()["scheme"] == {"name": "mutual", "temperature": 1.0, "weight": 1.0}
    assert spec.to_json()["loss"] is None
    assert parse(spec.to_json()) == spec
    assert spec.hash != parse({"kind": "distill"}).hash


@pytest.mark.parametrize("setting", ["scheme=mutual", "scheme.name=mutual", 'scheme={"name": "mutual"}'])
def test_naming_it_drops_the_loss_that_stood_there_and_naming_offline_brings_the_usual_one_back(setting):
    named = override({"kind": "distill", "loss": {"name": "kd", "temperature": 9}}, [setting])
    assert named == parse(MUTUAL).to_json()
    assert override(named, ["scheme=offline"]) == parse({"kind": "distill"}).to_json()
    assert override(named, ["scheme=offline", "loss.temperature=2"])["loss"] == {"name": "kd", "temperature": 2.0, "alpha": 0.9}
    assert override(named, ["scheme.temperature=3"])["scheme"]["temperature"] == 3.0


@pytest.mark.parametrize("order", [1, -1])
def test_a_loss_asked_for_beside_it_is_refused_in_whatever_order(order):
    with pytest.raises(SpecError, match="own loss") as refused:
        override({"kind": "distill"}, ["loss.temperature=8", "scheme=mutual"][::order])
    assert refused.value.field == "loss.temperature"


def test_its_result_compares_each_student_with_the_peer_of_its_seed(tmp_path):
    small = {"teacher": {"name": "cnn", "width": 3}, "student": {"name": "cnn", "width": 2}, "transfer": {"images": 60}}
    spec = parse({**MUTUAL, **small, "train": {"epochs": 2, "lr": 0.1}, "seeds": [0, 2]})
    workspace = Workspace(tmp_path / "run", tmp_path / "models", tmp_path)
    *_events, last = execute(spec, workspace)
    result, data = last["result"], load_present(spec.dataset, data_root())
    models = result["models"]
    assert list(models) == ["teacher", "baseline", "student"]
    assert (models["teacher"]["beside"], models["teacher"]["lr"]) == ("student", 0.1)
    assert result["teacher_verdict"]["fixed"] is None
    assert result["teacher_verdict"]["seeds"] == result["verdict"]["seeds"] == 2
    for place, seed in enumerate(spec.seeds):
        files = [workspace.folder / f"{role}-seed{seed}.safetensors" for role in ("teacher", "baseline", "student")]
        rights, choices = zip(*(score(networks.read(file, data).model, data) for file in files), strict=True)
        for right, role in zip(rights, models, strict=True):
            assert models[role]["per_seed"][place]["accuracy"] == pytest.approx(float(right.float().mean()))
        for choice, role in zip(choices[1:], ("baseline", "student"), strict=True):
            alike = float((choice == choices[0]).float().mean())
            assert models[role]["per_seed"][place]["agreement"] == pytest.approx(alike)
