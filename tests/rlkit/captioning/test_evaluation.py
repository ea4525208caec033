import torch

from rlkit.captioning.captioner import Captioner, CaptionerCard
from rlkit.captioning.evaluation import evaluate, scores
from rlkit.captioning.vocabulary import Vocabulary
from rlkit.perception.networks import build_captioner

SENTENCE = ("a", "red", "square", "on", "the", "left")


def test_a_perfect_sentence_has_the_best_scores_and_another_lower_ones():
    references = [[SENTENCE], [(*SENTENCE[:5], "right")]]
    best = scores(references, [SENTENCE, (*SENTENCE[:5], "right")])
    assert best["bleu4"] > 0.999
    assert best["cider"] > scores(references, [SENTENCE, SENTENCE])["cider"]


def test_baselines_stand_beside_the_captioner(make_source):
    source = make_source(8)
    vocabulary = Vocabulary(source.words)
    network = build_captioner("nic-compact", len(vocabulary), 1, 0, torch.Generator().manual_seed(0))
    result = evaluate(Captioner(network, CaptionerCard("nic-compact", source.size, vocabulary, 1, ())), source)
    assert result["pictures"] == 16
    assert result["nearest_neighbour"]["grammatical"] == 1
    assert result["most_frequent"]["slots"]["side"] < 1
    assert result["conditions"].keys() == {"left", "right"}
    assert result["ms_per_sentence"] > 0


def test_an_untrained_captioner_writes_sentences_of_the_grammar(make_source):
    source = make_source(8)
    vocabulary = Vocabulary(source.words)
    network = build_captioner("nic-compact", len(vocabulary), 1, 0, torch.Generator().manual_seed(0))
    captioner = Captioner(network, CaptionerCard("nic-compact", source.size, vocabulary, 1, ()))
    images = next(source.measured("test")).images
    assert any(source.slots_of(tokens) is None for tokens in captioner.describe(images))
    assert all(source.slots_of(tokens) for tokens in captioner.describe(images, grammar=source))
    result = evaluate(captioner, source)
    assert result["grammatical"] == 1
    assert result["searched_again"] > 0
