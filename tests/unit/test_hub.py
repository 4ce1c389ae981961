"""The analyzer ``transformers``: tiny checkpoints of the real architectures, loaded from disk by the real code."""

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed (scripts/torch); it runs the checkpoints")
pytest.importorskip("transformers", reason="transformers is not installed (the extra `hub`); it loads the checkpoints")

from barometer.analyzers import hub as hub_module
from barometer.analyzers.hub import HubAnalyzer
from barometer.analyzers.hub_checkpoints import Checkpoint, Classifier, _batches
from barometer.errors import SettingsError, UnavailableError
from barometer.scores import EMOTIONS, SENTIMENTS, Score
from barometer.settings import Settings
from tests.checkpoints import GOEMOTIONS, HARTMANN, SST2, STARS, TEXTS, bert, distilbert, roberta
from tests.hub import COMMIT, hub

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A sentiment and an emotion checkpoint with random weights."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return distilbert(folder / "sentiment"), roberta(folder / "emotion")


def analyzer(sentiment: Path | str, emotion: Path | str = "", **settings: Any) -> HubAnalyzer:
    return HubAnalyzer(Settings(sentiment_checkpoint=str(sentiment), emotion_checkpoint=str(emotion), **settings))


def close(ours: list[Score], theirs: list[Score]) -> None:
    """The same to within one ten-thousandth, which is float32's rounding at a boundary."""
    for one, other in zip(ours, theirs, strict=True):
        assert one.sentiment
        assert other.sentiment
        assert one.sentiment.shares == pytest.approx(other.sentiment.shares, abs=1)
        if one.emotion and other.emotion:
            assert one.emotion.shares == pytest.approx(other.emotion.shares, abs=1)
        assert (one.emotion is None) == (other.emotion is None)


@pytest.mark.parametrize(("winner", "label"), [("POSITIVE", "positive"), ("NEGATIVE", "negative")])
def test_what_the_default_sentiment_architecture_says_is_what_we_say(tmp_path: Path, winner: str, label: str):
    [score] = analyzer(distilbert(tmp_path / "sst2", winner=winner)).analyze(["so it goes"])
    assert score.sentiment
    assert score.sentiment.label == label
    assert score.sentiment.shares[SENTIMENTS.index(label)] > 9_990
    assert score.emotion is None
    assert re.fullmatch("transformers:sst2@[0-9a-f]{7}", score.model or "")


@pytest.mark.parametrize("winner", HARTMANN)
def test_what_the_default_emotion_architecture_says_is_what_we_say(
    pair: tuple[Path, Path], tmp_path: Path, winner: str
):
    # In another order than ours, so that a mapping by place would be found out.
    emotion = roberta(tmp_path / "emotion", labels=tuple(reversed(HARTMANN)), winner=winner)
    [score] = analyzer(pair[0], emotion).analyze(["so it goes"])
    assert score.emotion
    assert score.emotion.label == winner
    assert score.emotion.shares[EMOTIONS.index(winner)] > 9_990


def test_an_unsure_verdict_of_two_classes_is_neutral(tmp_path: Path):
    # A margin of 1 is a share of 0.73 for positive, of 4 one of 0.98.
    unsure = distilbert(tmp_path / "unsure", winner="POSITIVE", margin=1.0)
    assert [score.sentiment.label for score in analyzer(unsure).analyze(["so"]) if score.sentiment] == ["neutral"]
    assert analyzer(unsure, neutral_below=0.7).analyze(["so"])[0].sentiment.label == "positive"  # type: ignore[union-attr]
    sure = distilbert(tmp_path / "sure", winner="POSITIVE", margin=4.0)
    assert analyzer(sure).analyze(["so"])[0].sentiment.label == "positive"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("winner", "label"), [*zip(STARS, ("negative", "negative", "neutral", "positive", "positive"), strict=True)]
)
def test_five_stars_are_three_sentiments(tmp_path: Path, winner: str, label: str):
    [score] = analyzer(bert(tmp_path / "stars", winner=winner)).analyze(["so it goes"])
    assert score.sentiment
    assert score.sentiment.label == label


@pytest.mark.parametrize(
    ("winner", "label"), [("annoyance", "anger"), ("grief", "sadness"), ("love", "joy"), ("curiosity", "surprise")]
)
def test_twenty_eight_labels_each_a_yes_or_no_are_seven_emotions(
    pair: tuple[Path, Path], tmp_path: Path, winner: str, label: str
):
    many = roberta(
        tmp_path / "many", GOEMOTIONS, winner, margin=8.0, problem_type="multi_label_classification"
    )  # fmt: skip
    [score] = analyzer(pair[0], many).analyze(["so it goes"])
    assert score.emotion
    assert score.emotion.label == label
    # 27 times sigmoid(-4) = 0.018 against sigmoid(4) = 0.982: the surest of each group counts, scaled to one whole.
    assert score.emotion.shares[EMOTIONS.index(label)] == pytest.approx(9_010, abs=1)


def test_the_order_and_the_company_of_texts_change_nothing(pair: tuple[Path, Path]):
    model = analyzer(*pair)
    texts = [*TEXTS, *(f"{text}, {other}" for text in TEXTS for other in TEXTS)]  # three batches of unlike lengths
    together = model.analyze(texts)
    assert len({score.sentiment.shares for score in together if score.sentiment}) > 40
    assert len({score.emotion.shares for score in together if score.emotion}) > 40
    close(model.analyze(texts[::-1])[::-1], together)
    close([score for text in texts for score in model.analyze([text])], together)
    assert model.analyze([]) == []


def test_a_text_longer_than_the_checkpoint_reads_is_cut_not_refused(pair: tuple[Path, Path]):
    model = analyzer(*pair)
    long = "i love it " * 1_000
    close(model.analyze([long, "so"]), model.analyze([long + "but then it crashed and i hate it", "so"]))
    # 64 tokens are what both have positions for: what comes after them is not read, what stands before them is.
    assert model.analyze([long])[0].sentiment != model.analyze(["i love it"])[0].sentiment
    for checkpoint in pair:
        assert Classifier(Checkpoint("CHECKPOINT", str(checkpoint))).max_tokens == 64
    assert len(model.analyze(["", " ", "🎉" * 5_000, "a" * 10_000, "\x00\ud83d"])) == 5


def test_batches_hold_every_text_once_and_never_more_tokens_than_they_may():
    lengths = [3, 500, 512, 1, 40, 40, 41] * 30
    batches = _batches(lengths)
    assert sorted(at for batch in batches for at in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= 32
        assert len(batch) * max(lengths[at] for at in batch) <= 4_096
    assert _batches([9_000]) == [[0]]


def test_names_of_accounts_and_addresses_do_not_reach_a_checkpoint(pair: tuple[Path, Path]):
    model = analyzer(*pair)
    close(
        model.analyze(["@anna: look at https://example.org/a?b=c", "@jo@masto.example meh", "me@example.org"]),
        model.analyze(["@bob_2: look at www.elsewhere.net", "@kim meh", "me@example.org"]),
    )
    assert (
        hub_module._written("mail me@example.org, @a.b, @jo@x.y #NoWay 🎉")
        == "mail me@example.org, @user, @user #NoWay 🎉"
    )


def test_languages_are_as_the_settings_say(pair: tuple[Path, Path]):
    assert analyzer(pair[0]).languages == {"en"}
    assert analyzer(pair[0], checkpoint_languages="en,de,fr").languages == {"en", "de", "fr"}
    assert analyzer(pair[0], checkpoint_languages="*").languages is None


def test_a_label_that_nobody_knows_names_itself_and_its_checkpoint(pair: tuple[Path, Path], tmp_path: Path):
    spam = distilbert(tmp_path / "spam", ("HAM", "SPAM"))
    with pytest.raises(SettingsError, match=r"BAROMETER_SENTIMENT_CHECKPOINT: '.*spam' has the label 'ham'"):
        analyzer(spam)
    with pytest.raises(SettingsError, match=r"BAROMETER_EMOTION_CHECKPOINT: '.*sentiment' has the label 'negative'"):
        analyzer(pair[0], pair[0])


class _Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_weights_that_could_hold_a_program_are_never_opened(pair: tuple[Path, Path], tmp_path: Path):
    folder, opened = distilbert(tmp_path / "pickled"), tmp_path / "opened"
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Payload(opened)))
    with pytest.raises(SettingsError, match=r"BAROMETER_SENTIMENT_CHECKPOINT: '.*pickled' has no model.safetensors"):
        analyzer(folder)
    # Not where it lies beside good ones either.
    (folder / "model.safetensors").write_bytes((pair[0] / "model.safetensors").read_bytes())
    analyzer(folder)
    assert not opened.exists()


@pytest.mark.parametrize("known", [True, False])
def test_code_that_comes_with_a_checkpoint_is_never_run(tmp_path: Path, known: bool):
    folder, ran = distilbert(tmp_path / "coded"), tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(ran)!r}, 'w')\n")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {
        "AutoConfig": "evil.EvilConfig",
        "AutoModelForSequenceClassification": "evil.Evil",
        "AutoTokenizer": ["evil.EvilTokenizer", None],
    }
    if not known:
        config["model_type"] = "evil"
    (folder / "config.json").write_text(json.dumps(config))
    if known:
        analyzer(folder).analyze(["so"])
    else:
        with pytest.raises(SettingsError, match=r"BAROMETER_SENTIMENT_CHECKPOINT: '.*coded' cannot be loaded"):
            analyzer(folder)
    assert not ran.exists()


def test_a_model_that_was_never_taught_to_classify_is_refused(tmp_path: Path):
    # Else its head would be random numbers under the labels LABEL_0 and LABEL_1, which read as sentiments.
    from transformers import DistilBertModel

    folder = distilbert(tmp_path / "base", ("LABEL_0", "LABEL_1"))
    DistilBertModel.from_pretrained(folder).save_pretrained(folder)
    with pytest.raises(SettingsError, match=r"'.*base' is no classifier of texts: it has no weights for classifier"):
        analyzer(folder)


def test_damaged_files_and_folders_that_are_none_are_named(tmp_path: Path):
    folder = distilbert(tmp_path / "damaged")
    (folder / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(SettingsError, match=r"'.*damaged' cannot be loaded"):
        analyzer(folder)
    with pytest.raises(SettingsError, match=r"BAROMETER_SENTIMENT_CHECKPOINT: './nowhere' is no folder"):
        analyzer("./nowhere")
    with pytest.raises(SettingsError, match=r"gives a number, not labels"):
        analyzer(distilbert(tmp_path / "number", ("LABEL_0",)))


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The Hub's client as a new process on a machine that has downloaded nothing."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path / "cache"


def ask(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    path = constants.HUGGINGFACE_CO_URL_TEMPLATE.partition("/{repo_id}")
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", "".join((url, *path[1:])))


def test_a_name_of_the_hub_is_downloaded_once_and_only_what_is_safe(
    pair: tuple[Path, Path], own_cache: Path, monkeypatch: pytest.MonkeyPatch
):
    (pair[0] / "pytorch_model.bin").write_bytes(b"a pickle")
    (pair[0] / "modeling.py").write_text("raise SystemExit")
    with hub({"someone/mood": pair[0], "someone/feeling": pair[1]}) as running:
        ask(running.url, monkeypatch)
        model = analyzer("someone/mood", "someone/feeling")
        assert re.fullmatch("transformers:someone/mood@[0-9a-f]{7}[+]someone/feeling@[0-9a-f]{7}", model.name)
        downloaded = {file.name for file in own_cache.rglob("snapshots/*/*")}
        assert downloaded >= {"model.safetensors", "config.json", "vocab.txt", "merges.txt"}
        assert not downloaded & {"pytorch_model.bin", "modeling.py"}
    # The Hub is gone; what was downloaded is here. (This port answers nobody now.)
    close(analyzer("someone/mood", "someone/feeling").analyze(TEXTS), analyzer(*pair).analyze(TEXTS))


def test_what_the_hub_does_not_have_is_a_wrong_setting(
    pair: tuple[Path, Path], own_cache: Path, monkeypatch: pytest.MonkeyPatch
):
    with hub({"someone/mood": pair[0]}) as running:
        ask(running.url, monkeypatch)
        with pytest.raises(SettingsError, match=r"BAROMETER_SENTIMENT_CHECKPOINT: 'someone/else' is not on the Hub"):
            analyzer("someone/else")
        with pytest.raises(SettingsError, match=r"'someone/mood' has no revision 'v9' on the Hub"):
            analyzer("someone/mood", sentiment_revision="v9")
        assert analyzer("someone/mood", sentiment_revision=COMMIT).analyze(["so"])
    assert own_cache.exists()


def test_a_name_that_is_none_is_a_wrong_setting_even_without_a_network(
    own_cache: Path, monkeypatch: pytest.MonkeyPatch
):
    ask("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(SettingsError, match=r"BAROMETER_SENTIMENT_CHECKPOINT: 'a/b/c' is no name of the Hub"):
        analyzer("a/b/c")
    assert not own_cache.exists()


@pytest.mark.parametrize("fault", ["it answers 503", "nobody listens", "this process may not ask"])
def test_a_hub_that_is_away_is_no_wrong_setting(own_cache: Path, monkeypatch: pytest.MonkeyPatch, fault: str):
    from huggingface_hub import constants

    with hub({}, fault=503) as running:
        ask(running.url if "503" in fault else "http://127.0.0.1:9", monkeypatch)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", fault == "this process may not ask")
        with pytest.raises(UnavailableError, match="the checkpoint someone/mood cannot be downloaded: "):
            analyzer("someone/mood")
    assert not list(own_cache.rglob("*.safetensors"))


def test_a_model_that_changes_changes_its_name(tmp_path: Path):
    # Scores are remembered under it.
    names = {analyzer(distilbert(tmp_path / "mood", winner=winner)).name for winner in SST2}
    names |= {analyzer(tmp_path / "mood", neutral_below=below).name for below in (0.9, 0.8)}
    names |= {analyzer(distilbert(tmp_path / "mood", tuple(reversed(SST2)), "NEGATIVE")).name}
    assert len(names) == 4
    assert analyzer(tmp_path / "mood").name in names


def test_a_function_has_threads_by_its_memory(pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch):
    import torch

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        for memory, threads in (("10240", 4), ("3538", 2), ("512", 1)):
            monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory)
            analyzer(pair[0])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def in_a_new_process(code: str, **variables: str) -> str:
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("BAROMETER_", "HF_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], env=ours | variables, cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_nothing_is_imported_before_it_is_needed():
    heavy = "print([name for name in ('torch', 'transformers', 'huggingface_hub', 'numpy') if name in sys.modules])"
    assert in_a_new_process(f"import sys, barometer.analyzers.hub; {heavy}") == "[]\n"


def test_a_package_that_is_missing_is_named_with_the_way_to_get_it():
    hidden = "import sys; sys.modules['transformers'] = None; sys.modules['torch'] = None"
    start = f"{hidden}; from barometer.analyzers import analyzer; analyzer('transformers')"
    told = in_a_new_process(start).rstrip().splitlines()[-1]
    assert told.startswith("barometer.errors.MissingError: BAROMETER_MODEL=transformers needs the package torch")
    assert "make .venv/.torch" in told
