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
    network = build_captioner("nic-compact", len(vocabulary), 1, 0, 0, torch.Generator().manual_seed(0))
    result = evaluate(Captioner(network, CaptionerCard("nic-compact", source.size, vocabulary, 1, ())), source)
    assert result["pictures"] == 16
    assert result["nearest_neighbour"]["grammatical"] == 1
    assert result["most_frequent"]["slots"]["side"] < 1
    assert result["conditions"].keys() == {"left", "right"}
    assert result["ms_per_sentence"] > 0


def test_an_untrained_captioner_writes_sentences_of_the_grammar(make_source):
    source = make_source(8)
    vocabulary = Vocabulary(source.words)
    network = build_captioner("nic-compact", len(vocabulary), 1, 0, 0, torch.Generator().manual_seed(0))
    captioner = Captioner(network, CaptionerCard("nic-compact", source.size, vocabulary, 1, ()))
    images = next(source.measured("test")).images
    wrong = [source.slots_of(tokens) is None for tokens in captioner.describe(images)]
    assert any(wrong)
    assert all(source.slots_of(tokens) for tokens in captioner.describe(images, grammar=source))
    result = evaluate(captioner, source)
    assert result["grammatical"] == 1
    assert result["searched_again"] == sum(wrong) / len(images)


def test_only_sentences_that_are_none_of_the_grammar_are_searched_for_again(make_source):
    class Alternating(Captioner):
        """Writes a sentence of the grammar about every other example, unless it has to."""

        within = 0  # examples described within the grammar, in batches

        def describe_encoded(self, features, signals=None, grammar=None):
            if grammar is not None:
                self.within += len(features) if len(features) > 1 else 0
                return [SENTENCE] * len(features)
            return [SENTENCE if row % 2 else ("a", "red") for row in range(len(features))]

    source = make_source(8)
    vocabulary = Vocabulary(source.words)
    network = build_captioner("nic-compact", len(vocabulary), 1, 0, 0, torch.Generator().manual_seed(0))
    captioner = Alternating(network, CaptionerCard("nic-compact", source.size, vocabulary, 1, ()))
    result = evaluate(captioner, source)
    assert (result["searched_again"], result["grammatical"]) == (0.5, 1)
    assert captioner.within == 8
