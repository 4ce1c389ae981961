"""Checkpoints: a classifier of the Hugging Face Hub or of a local folder, made ready to run.

Promises: no code of a checkpoint is ever executed, and no pickle opened: weights are read from ``safetensors`` alone,
which hold numbers and nothing else, where a ``pytorch_model.bin`` may hold any program. What is wrong with a checkpoint
is told by the variable that names it; a Hub that does not answer is ``UnavailableError``, unless the files are here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from barometer.errors import MissingError, SettingsError, UnavailableError

# What a classifier needs: never a .bin, a .py or another framework's copy of the weights. One in a folder of the
# repository (onnx/model.safetensors) is none of it either, for a pattern is held against the whole path.
_FILES: Final = (
    "config.json", "model*.safetensors", "model.safetensors.index.json", "tokenizer.json", "tokenizer_config.json",
    "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt", "*.model",
)  # fmt: skip
# The defaults as they were read when this was written. The emotion model's main branch has only a pickle; this commit
# is the Hub's own conversion of it, which its author has not merged.
_PINNED: Final = {
    "distilbert-base-uncased-finetuned-sst-2-english": "da4550f926c3cc88b2a4617ce78db8145801a8f5",
    "j-hartmann/emotion-english-distilroberta-base": "fcf5d801b91416aae4d116770b48d0a91a32f277",
}
# Attention is wide: this many tokens side by side, padding counted, however many texts they are.
_TOKENS_A_BATCH: Final = 4_096
_TEXTS_A_BATCH: Final = 32
_POSITIONS: Final = 512
_END_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Which classifier: as the settings say.

    Args:
        variable: the environment variable that names it, for messages.
        source: its name on the Hub, or a folder: a path that begins with ``/``, ``.`` or ``~``.
        revision: branch, tag or commit; empty for the pinned commit of a default, else ``main``.
    """

    variable: str
    source: str
    revision: str = ""

    @property
    def name(self) -> str:
        """What to call it where others read: of a folder only its last part."""
        return Path(self.source).expanduser().resolve().name if self._is_folder else self.source

    @property
    def blamed(self) -> str:
        """What to call it in a message for who set it."""
        return f"{self.variable}: {self.source!r}"

    def fault(self, reason: str) -> SettingsError:
        """An error that names the variable and this checkpoint."""
        return SettingsError(f"{self.blamed} {reason}")

    def folder(self) -> Path:
        """Where its files lie, downloaded if need be.

        Raises:
            SettingsError: there is none of that name, folder or revision, or it may not be read.
            UnavailableError: the Hub does not answer, and the files were never downloaded here.
        """
        if not self._is_folder:
            return self._downloaded()
        folder = Path(self.source).expanduser()
        if not folder.is_dir():
            raise self.fault("is no folder")
        return folder

    @property
    def _is_folder(self) -> bool:
        return self.source.startswith(("/", ".", "~"))

    def _downloaded(self) -> Path:
        from huggingface_hub import errors, snapshot_download  # noqa: PLC0415 (its package is in the extra `hub` alone)
        from huggingface_hub.utils.tqdm import disable_progress_bars  # noqa: PLC0415 (the same)

        disable_progress_bars()
        revision = self.revision or _PINNED.get(self.source)
        try:
            return Path(snapshot_download(self.source, revision=revision, allow_patterns=list(_FILES)))
        except errors.HFValidationError as error:
            raise self.fault(f"is no name of the Hub: {_first_line(error)}") from error
        except errors.GatedRepoError as error:
            raise self.fault("is shown on the Hub only to who agreed to its terms: set HF_TOKEN") from error
        except errors.RepositoryNotFoundError as error:
            raise self.fault("is not on the Hub, or is private: then set HF_TOKEN") from error
        except errors.RevisionNotFoundError as error:
            raise self.fault(f"has no revision {revision!r} on the Hub") from error
        except Exception as error:  # (whatever its HTTP library raises; which one that is changes with its version)
            raise UnavailableError(f"the checkpoint {self.source} cannot be downloaded", _first_line(error)) from error


class Classifier:
    """A checkpoint, loaded: texts in, logits out. Runs on processors, in float32.

    Raises:
        MissingError: torch or transformers is not installed.
        SettingsError: this is no classifier that can be read safely.
        UnavailableError: see ``Checkpoint.folder``.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        for package in ("torch", "transformers"):
            if find_spec(package) is None:
                raise MissingError(
                    f"BAROMETER_MODEL=transformers needs the package {package}, which is not installed here; "
                    "`make .venv/.torch` does it, elsewhere pip install torch 'transformers>=5'"
                )
        folder = checkpoint.folder()
        # Before torch is imported, which takes seconds.
        if not any(folder.glob("model*.safetensors")):
            raise checkpoint.fault(
                "has no model.safetensors; weights of other formats are not opened, for they can hold programs. Name a "
                "revision that has one, or convert it: save_pretrained(..., safe_serialization=True)"
            )
        try:
            self._tokenizer, self._model, missing = _load(folder)
        except Exception as error:
            raise checkpoint.fault(f"cannot be loaded: {_first_line(error)}") from error
        if missing:
            raise checkpoint.fault(f"is no classifier of texts: it has no weights for {missing[0]}")
        self.labels: dict[int, str] = {int(at): str(label) for at, label in self._model.config.id2label.items()}
        problem = self._model.config.problem_type
        if problem == "regression" or len(self.labels) < 2:
            raise checkpoint.fault("gives a number, not labels")
        self.multi_label: bool = problem == "multi_label_classification"
        self.max_tokens = _max_tokens(self._tokenizer, self._model)
        self.mark = _mark(folder)

    def logits(self, texts: Sequence[str]) -> list[list[float]]:
        """A row of logits for each text, in order. A longer text than the checkpoint reads is cut at its end.

        The same text has the same row to within float32's rounding, which depends on its neighbours in a batch.
        """
        import torch  # noqa: PLC0415 (loaded by now)

        if not texts:
            return []
        encoded = self._tokenizer(list(texts), truncation=True, max_length=self.max_tokens)["input_ids"]
        rows: list[list[float]] = [[]] * len(texts)
        with torch.inference_mode():
            for batch in _batches([len(ids) for ids in encoded]):
                inputs = self._tokenizer.pad({"input_ids": [encoded[at] for at in batch]}, return_tensors="pt")
                said = self._model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
                for at, row in zip(batch, said.logits.tolist(), strict=True):
                    rows[at] = row
        return rows


def _load(folder: Path) -> tuple[Any, Any, list[str]]:
    """The tokenizer, the model, and the names of weights that the files do not have."""
    import torch  # noqa: PLC0415 (seconds, and a gigabyte installed: for this analyzer alone)
    from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: PLC0415 (the same)
    from transformers.utils import logging  # noqa: PLC0415 (the same)

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    safely = {"local_files_only": True, "trust_remote_code": False}
    tokenizer = AutoTokenizer.from_pretrained(folder, **safely)
    model, told = AutoModelForSequenceClassification.from_pretrained(
        folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **safely
    )
    return tokenizer, model.eval(), sorted(told["missing_keys"]) + sorted(str(key) for key in told["mismatched_keys"])


def _mark(folder: Path) -> str:
    """Changes with the checkpoint: of its weights both ends are read, where the classifier and the last layer lie."""
    digest = sha256((folder / "config.json").read_bytes())
    for file in sorted(folder.glob("model*.safetensors")):
        with file.open("rb") as weights:
            digest.update(weights.read(_END_BYTES))
            weights.seek(max(0, file.stat().st_size - _END_BYTES))
            digest.update(weights.read(_END_BYTES))
    return digest.hexdigest()


def _max_tokens(tokenizer: Any, model: Any) -> int:  # noqa: ANN401 (transformers' own)
    """The most tokens it reads: by its positions as well, since many tokenizers' files do not say."""
    positions = getattr(model.config, "max_position_embeddings", None) or _POSITIONS
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            positions = module.num_embeddings - module.padding_idx - 1  # RoBERTa's begin after the padding's
    return int(min(tokenizer.model_max_length, positions))


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Texts of like length together, the longest first, so that little of a batch is padding."""
    batches: list[list[int]] = []
    widest = 0
    for at in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        full = batches and (
            len(batches[-1]) == _TEXTS_A_BATCH or (len(batches[-1]) + 1) * max(widest, 1) > _TOKENS_A_BATCH
        )
        if not batches or full:
            batches.append([])
            widest = lengths[at]
        batches[-1].append(at)
    return batches


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
