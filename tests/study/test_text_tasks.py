"""Tasks of text: words as numbers, what the next token costs, and the rule of entailment."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.models import find_network
from actlas.models.translation import END, PADDING, START
from actlas.study import Data, Metric, Task, find_task
from actlas.study.networks import with_network
from actlas.study.tasks import _next_token as next_token
from actlas.study.tasks import _text as text
from actlas.study.tasks import entailment, multi30k

REAL_DATA = Path(os.environ.get("ACTLAS_DATA", "nowhere"))


def needs(folder: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not (REAL_DATA / folder).is_dir(), reason="needs ACTLAS_DATA")


def decode(rows: Tensor, numbers: dict[str, int]) -> list[list[str]]:
    words = {number: word for word, number in numbers.items()} | {text.UNKNOWN: "?"}
    return [[words[token] for token in row.tolist() if token != PADDING] for row in rows]


# ---------------------------------------------------------------- words as numbers


def test_sentences_come_back_from_their_tokens() -> None:
    sentences = [text.split_words(s) for s in ("A dog, a cat!", "The dog's ball.", "a")]
    numbers = text.vocabulary(sentences, size=100)
    rows = text.encode(sentences, numbers, length=7)
    assert decode(rows, numbers) == sentences
    assert not set(text.RESERVED) & set(numbers.values())
    cut = text.encode(sentences, numbers, length=2)
    assert decode(cut, numbers) == [sentence[:2] for sentence in sentences]


def test_rare_words_are_unknown_and_the_order_does_not_depend_on_the_text() -> None:
    numbers = text.vocabulary([["c", "b"], ["b", "a"]], size=len(text.RESERVED) + 2)
    assert list(numbers) == ["b", "a"]
    assert numbers == text.vocabulary([["a", "b"], ["c", "b"]], size=len(text.RESERVED) + 2)
    assert decode(text.encode([["c", "b"]], numbers, 2), numbers) == [["?", "b"]]


@pytest.mark.parametrize(("tokens", "length"), [(100, 7), (99, 7), (8, 7), (9, 8)])
def test_windows_tell_every_token_once(tokens: int, length: int) -> None:
    rows = text.windows(torch.arange(tokens), length)
    told = rows[:, 1:].flatten().tolist()
    assert told == list(range(1, len(told) + 1))
    assert tokens - 1 - len(told) < length
    assert torch.equal(rows[1:, 0], rows[:-1, -1])


def test_a_frame_stands_around_the_words_alone() -> None:
    rows = torch.tensor([[7, 8, 9], [7, 0, 0], [0, 0, 0]])
    assert multi30k.framed(rows).tolist() == [
        [START, 7, 8, 9, END], [START, 7, END, 0, 0], [START, END, 0, 0, 0],
    ]  # fmt: skip


# ---------------------------------------------------------------- what the next token costs


def language_model(**options: int) -> nn.Module:
    draws = torch.Generator().manual_seed(0)
    return find_network("gpt").build(
        vocabulary=11, context=8, width=8, heads=2, layers=1, generator=draws, **options
    )


def tokens(rows: int, length: int) -> Tensor:
    return torch.randint(3, 11, (rows, length), generator=torch.Generator().manual_seed(1))


def test_a_language_model_pays_for_each_next_token() -> None:
    network, rows = language_model().eval(), tokens(3, 9)
    costs = next_token.NextToken(network)(rows)
    likely = network(rows[:, :-1]).log_softmax(-1)
    for row, place in ((0, 0), (2, 7), (1, 4)):
        wanted = -likely[row, place, rows[row, place + 1]]
        torch.testing.assert_close(costs[row, place], wanted)
    with pytest.raises(AssertionError):  # planted: the token that was read, not the next
        torch.testing.assert_close(costs[0, 0], -likely[0, 0, rows[0, 0]])


def test_no_cost_knows_what_comes_after_it() -> None:
    network, rows = next_token.NextToken(language_model()).eval(), tokens(2, 9)
    changed = rows.clone()
    changed[:, 6:] = 3
    torch.testing.assert_close(network(rows)[:, :5], network(changed)[:, :5])
    assert not torch.allclose(network(rows)[:, 6:], network(changed)[:, 6:])


def test_a_translator_pays_for_the_answer_alone() -> None:
    translator = find_network("lstm_translator").build(vocabulary=11, dropout=0.0).eval()
    source, target = tokens(2, 4), multi30k.framed(tokens(2, 3))
    costs = next_token.reading(4)(translator)(torch.cat((source, target), 1))
    likely = translator(source, target).log_softmax(-1)
    torch.testing.assert_close(costs[1, 2], -likely[1, 2, target[1, 3]])
    assert costs.shape == (2, 4)


def test_padding_costs_nothing() -> None:
    packed = next_token.telling(torch.tensor([[5, 6, START, 7, END, 0, 0]]), source=2)
    assert packed.targets.tolist() == [[1, 1, 0, 0]]
    costs = torch.tensor([[1.0, 2.0, 50.0, 70.0]])
    assert next_token.mean_surprise(costs, packed.targets).item() == 1.5
    assert next_token.perplexity(100).score(costs, packed.targets) == pytest.approx(math.exp(1.5))
    with pytest.raises(AssertionError):  # planted: a mask of ones
        assert next_token.mean_surprise(costs, torch.ones(1, 4)).item() == 1.5


def bits(size: int) -> Metric:
    return next_token.bits_per_token("bits", size)


@pytest.mark.parametrize(("make", "of_one_bit"), [(next_token.perplexity, 2), (bits, 1)])
def test_nothing_is_worse_than_guessing_evenly(
    make: Callable[[int], Metric], of_one_bit: float
) -> None:
    metric, counts = make(64), torch.ones(2, 3)
    for nats in (math.log(64), 200.0, math.inf):
        assert metric.score(torch.full((2, 3), nats), counts) == pytest.approx(metric.worst)
        assert metric.score(torch.full((2, 3), nats), counts) <= metric.worst
    assert math.isnan(metric.score(torch.full((2, 3), math.nan), counts))
    assert metric.score(torch.full((2, 3), math.log(2)), counts) == pytest.approx(of_one_bit)


# ---------------------------------------------------------------- other networks


@pytest.fixture
def letters() -> tuple[Task, Data]:
    """Tiny Shakespeare with a made-up text."""
    rows = next_token.told(text.windows(torch.arange(400) % 65, 64))
    return find_task("tiny-shakespeare"), Data(rows, rows, rows)


@pytest.mark.parametrize("name", ["gpt(width=16, layers=1)", "elman_lm(hidden=8)", "gru_lm"])
def test_other_language_models_fit(letters: tuple[Task, Data], name: str) -> None:
    task, data = letters
    changed = with_network(task, name, data, check=True)
    assert changed.network(nn.ReLU)(data.train.inputs[:2]).shape == (2, 64)


@pytest.mark.parametrize(
    ("name", "said"),
    [("lstm_translator", "a translator reads a text to its end"),
     ("text_cnn", r"scores of the next tokens must be \(N, T, vocabulary\)"),
     ("lenet", "takes images, and the task tiny-shakespeare gives tokens")],
)  # fmt: skip
def test_what_cannot_tell_the_next_token_is_refused(
    letters: tuple[Task, Data], name: str, said: str
) -> None:
    with pytest.raises(ActlasError, match=said):
        with_network(*letters[:1], name, letters[1], check=True)


def test_a_task_of_two_languages_takes_translators_alone() -> None:
    rows = torch.cat((tokens(4, 24), multi30k.framed(tokens(4, 24))), 1)
    split = next_token.telling(rows, source=24)
    task, data = find_task("multi30k"), Data(split, split, split)
    fitted = with_network(task, "lstm_translator(hidden=8)", data, check=True)
    assert fitted.network(nn.Tanh).network.vocabularies == (2500, 2500)
    with pytest.raises(ActlasError, match="a translator is needed"):
        with_network(task, "gpt", data, check=True)


def test_another_classifier_of_sentences() -> None:
    split = next_token.told(torch.ones(4, 40, dtype=torch.long))
    labels = replace(split, targets=torch.tensor([0, 1, 0, 1]))
    task, data = find_task("rotten-tomatoes"), Data(labels, labels, labels)
    fitted = with_network(task, "text_cnn(filters=4)", data, check=True)
    assert fitted.network(nn.ReLU).words.num_embeddings == 8000


# ---------------------------------------------------------------- entailment


@pytest.mark.parametrize(
    ("caption", "short"),
    [("two young men play chess in the park", "two young men play chess"),
     ("a man sits on a bench in the park", "a man sits on a bench"),
     ("a man sits in front of a wall of stone", None),  # too little is left before "in"
     ("a man who sits there in front of a wall", "a man who sits there"),
     ("a man is about to eat", None),
     ("every man sits on a bench in the park", None)],
)  # fmt: skip
def test_a_short_form_says_less(caption: str, short: str | None) -> None:
    found = entailment.shortened(caption.split())
    assert (found and " ".join(found)) == short


@pytest.mark.parametrize("turn", [0, 1])
def test_each_caption_gives_each_class_once(turn: int) -> None:
    words = text.split_words("An old man sits on a bench in the park.")
    whole = text.split_words("a old man sits on a bench in the park")
    entailed, neutral, against = entailment.pairs(words, turn)
    assert entailed == (whole, whole[:7], 0)
    assert neutral == (whole[:7], whole, 1)
    premise, hypothesis, label = against
    assert label == 2
    assert {len(premise), len(hypothesis)} == {7, 10}
    assert (len(premise) == 7) == bool(turn)
    changed = [(a, b) for a, b in zip(premise, hypothesis, strict=False) if a != b]
    assert changed == [("old", "young")]


def test_opposites_go_both_ways() -> None:
    assert all(entailment.OPPOSITES[other] == word for word, other in entailment.OPPOSITES.items())
    assert all(word != other for word, other in entailment.OPPOSITES.items())


@pytest.mark.parametrize("caption", ["a man sits", "birds fly over water near a wide river bank"])
def test_captions_that_do_not_lend_themselves_are_left_out(caption: str) -> None:
    assert entailment.pairs(caption.split(), 0) == []


# ---------------------------------------------------------------- the real texts


@needs("multi30k")
def test_the_derived_classes_are_balanced_and_lengths_tell_two_of_three() -> None:
    data = entailment.load(REAL_DATA)
    for part in (data.train, data.validation, data.test):
        assert set(Counter(part.targets.tolist()).values()) == {len(part) // 3}
    lengths = (data.test.inputs != PADDING).sum(-1)
    guess = (lengths[:, 1] > lengths[:, 0]).long()
    assert (guess == data.test.targets).float().mean().item() == pytest.approx(2 / 3, abs=0.01)


@needs("multi30k")
def test_the_first_pair_of_multi30k() -> None:
    data = multi30k.load(REAL_DATA)
    sizes = [len(part) for part in (data.train, data.validation, data.test)]
    assert sizes == [multi30k.PAIRS, 1_014, 1_000]
    english = list(islice(multi30k.sentences("train", 0, REAL_DATA), multi30k.PAIRS))
    numbers = text.vocabulary(english, multi30k.WORDS)
    first = decode(data.train.inputs[:1, : multi30k.LONGEST], numbers)[0]
    assert " ".join(first) == "two young , white males are outside near many bushes ."
    assert data.train.inputs[0, multi30k.LONGEST] == START


@needs("ptb")
def test_the_treebank_has_its_published_size() -> None:
    whole = find_task("ptb-full").data(REAL_DATA)
    assert whole.train.inputs.max().item() == 9_999
    told = [part.targets.numel() for part in (whole.train, whole.validation, whole.test)]
    published = (929_589, 73_760, 82_430)
    assert all(0 < words - count <= 35 for count, words in zip(told, published, strict=True))
    small = find_task("ptb").data(REAL_DATA)
    known = whole.test.inputs < 2_000  # the same words have the same numbers
    assert torch.equal(small.test.inputs[known], whole.test.inputs[known])
    assert small.test.inputs[~known].unique().tolist() == [1]  # <unk>, after "the"
    assert 0.8 < known.float().mean().item() < 0.95
    assert small.train.targets.numel() == pytest.approx(200_000, abs=36)


@needs("tinyshakespeare")
def test_shakespeare_begins_as_it_does() -> None:
    task = find_task("tiny-shakespeare")
    data = task.data(REAL_DATA)
    told = sum(part.targets.numel() for part in (data.train, data.validation, data.test))
    published = 320_000 + 1_115_394 // 10
    assert published - 3 * 65 <= told < published
    assert data.train.inputs.max().item() == 64
    first = data.train.inputs[0, :5].tolist()  # "First"
    assert first[4] - first[3] == 1  # "t" follows "s" in the alphabet


@needs("sst2")
def test_the_phrases_of_sst2() -> None:
    data = find_task("sst2").data(REAL_DATA)
    assert len(data.train) + len(data.validation) == 67_349
    assert Counter(data.test.targets.tolist()) == {1: 444, 0: 428}


@needs("rotten-tomatoes")
def test_the_reviews_are_mixed() -> None:
    data = find_task("rotten-tomatoes").data(REAL_DATA)
    assert sum(map(len, (data.train, data.validation, data.test))) == 10_662
    for part in (data.train, data.validation, data.test):
        assert part.targets.float().mean().item() == pytest.approx(0.5, abs=0.04)
