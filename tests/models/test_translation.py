"""Both translators: scores depend on the past alone, padding counts for nothing, decoding ends."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from actlas.errors import ActlasError
from actlas.models import count_parameters
from actlas.models.transformer import Writer, sinusoids, transformer_translator
from actlas.models.translation import END, PADDING, START, lstm_translator

BUILDERS = {"lstm": lstm_translator, "transformer": transformer_translator}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def made(name: str, **options: Any) -> Any:
    net = BUILDERS[name]("telu", vocabulary=20, target_vocabulary=15, generator=seeded(), **options)
    return net.double().eval()


def sentences(count: int, length: int, vocabulary: int, seed: int = 1) -> Tensor:
    """Return sentences of words between START and END."""
    words = torch.randint(END + 1, vocabulary, (count, length), generator=seeded(seed))
    ends = torch.full((count, 1), START), torch.full((count, 1), END)
    return torch.cat((ends[0], words, ends[1]), 1)


@pytest.fixture(params=BUILDERS)
def net(request: pytest.FixtureRequest) -> Any:
    return made(request.param)


def test_scores_have_one_place_for_each_word_to_come(net: Any) -> None:
    source, target = sentences(3, 6, 20), sentences(3, 4, 15)
    assert net(source, target).shape == (3, 5, 15)
    assert net(source).shape == (3, 8, 15)  # as many steps as the source has tokens


def test_scores_do_not_depend_on_words_to_come(net: Any) -> None:
    source, target = sentences(3, 6, 20), sentences(3, 7, 15)
    other = target.clone()
    other[:, 4:] = 3
    torch.testing.assert_close(net(source, target)[:, :4], net(source, other)[:, :4])
    changed = (net(source, target) - net(source, other))[:, 4:].abs().max()
    assert changed > 1e-6  # what they do depend on


def test_scores_depend_on_the_source(net: Any) -> None:
    target = sentences(3, 4, 15)
    one, two = (net(sentences(3, 6, 20, seed), target) for seed in (1, 2))
    assert (one - two).abs().max() > 1e-6


def test_padding_of_the_source_changes_nothing(net: Any) -> None:
    source, target = sentences(3, 6, 20), sentences(3, 4, 15)
    padded = torch.cat((source, torch.full((3, 5), PADDING)), 1)
    torch.testing.assert_close(net(padded, target), net(source, target))
    assert net(torch.zeros_like(source), target).isfinite().all()  # nothing but padding


def test_greedy_words_are_the_likeliest_ones(net: Any) -> None:
    source = sentences(4, 6, 20)
    words = net.translate(source, longest=8)
    scores = net(source)
    for sentence, likeliest in zip(words, scores.argmax(-1), strict=True):
        ended = (likeliest == END).nonzero()
        length = int(ended[0]) + 1 if len(ended) else 8
        assert torch.equal(sentence[:length], likeliest[:length])
        assert not sentence[length:].any()


def test_nothing_follows_an_end(net: Any) -> None:
    with torch.no_grad():
        net.scores.weight.zero_()
        net.scores.bias.copy_(-torch.arange(15.0).sub(END).abs())  # END is always the likeliest
    assert net.translate(sentences(2, 3, 20), longest=4).tolist() == [[END, 0, 0, 0]] * 2


def test_greedy_decoding_and_teacher_forcing_agree_on_the_same_words(net: Any) -> None:
    source = sentences(3, 5, 20)
    free = net(source)
    words = torch.cat((torch.full((3, 1), START), free.argmax(-1)), 1)
    torch.testing.assert_close(net(source, words), free)


def test_teacher_forcing_is_drawn_per_step() -> None:
    net, source, target = made("lstm"), sentences(3, 5, 20), sentences(3, 6, 15)
    told = net(source, target)
    free = net(source, target, teacher_forcing=0.0)
    torch.testing.assert_close(told[:, 0], free[:, 0])  # START comes first either way
    mixed = net(source, target, teacher_forcing=0.5, generator=seeded(2))
    again = net(source, target, teacher_forcing=0.5, generator=seeded(2))
    assert torch.equal(mixed, again)
    assert not torch.equal(mixed, told)
    torch.testing.assert_close(net(source, target, teacher_forcing=1.0), told)


def test_the_published_translator_has_its_function_after_the_embeddings_alone() -> None:
    net = made("lstm")
    own = [name for name, m in net.named_modules() if getattr(m, "entry", None) is not None
           and m.entry.name == "telu"]  # fmt: skip
    assert own == ["source_words.1", "target_words.1"]
    seen: list[Tensor] = []
    net.source_words[1].register_forward_hook(lambda *io: seen.append(io[1][0]))
    source = sentences(2, 3, 20)
    net.read(source)
    assert torch.equal(seen[0], net.source_words[0].weight[source])


def test_at_the_size_of_the_paper_the_weights_are_those_of_torch() -> None:
    with torch.device("meta"):
        net = lstm_translator(vocabulary=7854, target_vocabulary=5893, embedding=300, hidden=1024)
        same = nn.ModuleList([
            nn.Embedding(7854, 300), nn.Embedding(5893, 300), nn.LSTM(300, 1024),
            nn.LSTM(300, 1024), nn.Linear(1024, 5893),
        ])  # fmt: skip
    assert count_parameters(net) == count_parameters(same)


def test_transformer_layers_have_functions_of_their_own() -> None:
    net = transformer_translator("swish", layers=3)
    own = {id(m) for m in net.modules() if getattr(m, "entry", None) is not None}
    assert len(own) == 6
    net(sentences(2, 3, 64), sentences(2, 3, 64)).sum().backward()
    slopes = [p for name, p in net.named_parameters() if ".activation." in name]
    assert len(slopes) == 6
    assert all(p.grad is not None for p in slopes)


def test_the_tanh_form_of_gelu_is_not_taken_for_the_exact_one() -> None:
    net = transformer_translator(lambda: nn.GELU("tanh"), generator=seeded(), dropout=0.0).double()
    source, target = sentences(3, 6, 20), sentences(3, 4, 15)
    with torch.no_grad():
        torch.testing.assert_close(net.eval()(source, target), net.train()(source, target))
        for reader in net.eval().encoder:
            reader.activation_relu_or_gelu = 2  # planted: what PyTorch sets
        assert (net(source, target) - net.train()(source, target)).abs().max() > 1e-6


def test_a_copy_of_torchs_own_decoder_layer_forgets_its_function() -> None:
    """Why Writer exists: the copy computes with ReLU."""
    layer = nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0, activation=nn.Tanh())
    words = torch.randn(2, 3, 8, generator=seeded())
    assert (copy.deepcopy(layer)(words, words) - layer(words, words)).abs().max() > 1e-3
    ours = Writer(8, 2, 16, dropout=0.0, activation=nn.Tanh())
    assert torch.equal(copy.deepcopy(ours)(words, words), ours(words, words))


def test_the_base_model_has_its_published_size() -> None:
    """About 65 million with one embedding for both languages and the scores (37,000 tokens)."""
    with torch.device("meta"):
        net = transformer_translator(vocabulary=37_000, width=512, layers=6, heads=8)
    shared = 2 * 37_000 * 512 + 37_000  # counted twice too often here, and a bias
    assert count_parameters(net) - shared == 63_082_496
    assert abs(63_082_496 / 65e6 - 1) < 0.03


def test_places_are_waves() -> None:
    found = sinusoids(50, 6)
    for place in (0, 1, 49):
        for k in range(3):
            angle = torch.tensor(place / 10_000 ** (2 * k / 6))
            torch.testing.assert_close(found[place, 2 * k], angle.sin())
            torch.testing.assert_close(found[place, 2 * k + 1], angle.cos())


def test_a_look_at_the_future_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    net = made("transformer")
    monkeypatch.setattr(Tensor, "triu", lambda mask, _: torch.zeros_like(mask))
    with pytest.raises(AssertionError):
        test_scores_do_not_depend_on_words_to_come(net)


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
@pytest.mark.parametrize(("options", "said"), [
    ({"vocabulary": 3}, "4 or more, got 3"), ({"target_vocabulary": -2}, "target_vocabulary must"),
    ({"layers": 0}, "layers must"), ({"dropout": 1.0}, "dropout must"),
    ({"activation": "reluu"}, "relu"),
])  # fmt: skip
def test_bad_options_are_refused(build: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        build(**options)


@pytest.mark.parametrize(("source", "target", "said"), [
    (torch.full((2, 4), 20), None, "source: tokens must lie in 0 to 19"),
    (torch.ones(2, 4).long(), torch.full((2, 4), 15), "target: tokens must lie in 0 to 14"),
    (torch.ones(2, 4).long(), torch.ones(3, 4).long(), "every source needs a target"),
    (torch.ones(2, 4).long(), torch.ones(2, 1).long(), "2 or more tokens"),
])  # fmt: skip
def test_bad_sentences_are_refused(net: Any, source: Tensor, target: Any, said: str) -> None:
    with pytest.raises(ActlasError, match=said):
        net(source, target)


def test_other_bad_input_is_refused() -> None:
    source = torch.ones(1, 4).long()
    with pytest.raises(ActlasError, match="longest must"):
        made("lstm").translate(source, longest=0)
    with pytest.raises(ActlasError, match="teacher_forcing"):
        made("lstm")(source, source, teacher_forcing=1.5)
    with pytest.raises(ActlasError, match="1 to 3 tokens, got 4"):
        made("transformer", longest=3)(source, source)
    with pytest.raises(ActlasError, match="multiple of heads, got 30 and 4"):
        transformer_translator(width=30)
