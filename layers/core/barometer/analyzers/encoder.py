"""``local``: our own encoder, eight-bit, from the files of ``layers/model``; no network, no torch.

Promises: a text's score does not depend on the others that it is scored with; a text longer than the model reads is
read that far (``max_tokens`` of ``model.json``), never refused; what is loaded is byte for byte what ``model.json``
names by its sha256.

A call's texts are sorted by length, so that little is computed for padding, and cut into pieces that run side by side,
one thread each: on a busy machine two threads within one product wait for each other.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from barometer.analyzers.heads import LABELS, scores_of
from barometer.analyzers.preparation import prepare
from barometer.errors import MissingError
from barometer.scores import EMOTIONS, SENTIMENTS, Score

# Of one run of the model. More is no faster, and every token takes some 37 KB meanwhile.
_TEXTS_AT_ONCE: Final = 32
_TOKENS_AT_ONCE: Final = 1_024
# Lambda gives one processor for so much memory, two for twice as much.
_MEGABYTES_A_VCPU: Final = 1_769


class EncoderAnalyzer:
    """The encoder of one folder: both heads.

    Args:
        folder: has ``model.json`` and the files that it names.
        threads: how many pieces of a call run side by side; without it, as many as this process has processors (in
            Lambda the share that goes with its memory).

    Raises:
        MissingError: a file is missing, is not the one that ``model.json`` names, or cannot be read; it is named.
    """

    def __init__(self, folder: Path, *, threads: int | None = None) -> None:
        description, contents = _read(folder)
        self._threads = threads or share_of_processors()
        try:
            self.name = str(description["name"])
            # Remembered scores are of one version: weights, calibration and all that model.json tells.
            self.version = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()[:16]
            self.languages = frozenset(map(str, description["languages"]))
            self._bias, self._temperature = _calibration(description)
            self._tokenizer = _tokenizer(contents["tokenizer.json"], int(description["max_tokens"]), self._threads)
            self._session = _session(contents["model.onnx"])
        except ImportError:
            raise
        except Exception as error:  # (onnxruntime's and tokenizers' errors have no root but this)
            raise MissingError(f"the model of {folder.name}/ cannot be loaded: {error}") from error

    def analyze(self, texts: Sequence[str]) -> list[Score]:
        """See ``Analyzer``."""
        if not texts:
            return []
        return scores_of((self.logits(texts) + self._bias) / self._temperature, self.name)

    def logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """What the network says of texts as they were posted, before calibration: ``(texts, LABELS)``."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch_fast([prepare(text) for text in texts])]
        pieces = self._pieces([len(text) for text in ids])
        logits = np.zeros((len(ids), LABELS), np.float32)
        run = self._pool.map if self._threads > 1 and len(pieces) > 1 else map
        for piece, said in zip(pieces, run(lambda piece: self._run([ids[row] for row in piece]), pieces), strict=True):
            logits[piece] = said
        return logits

    def _pieces(self, lengths: Sequence[int]) -> list[list[int]]:
        """The rows of each run, longest first: those at the end, which keep not every thread busy, are short."""
        rows = sorted(range(len(lengths)), key=lambda row: -lengths[row])
        share = max(1, ceil(len(rows) / self._threads))
        pieces: list[list[int]] = []
        start = 0
        while start < len(rows):
            most = max(1, _TOKENS_AT_ONCE // lengths[rows[start]])
            pieces.append(rows[start : start + min(_TEXTS_AT_ONCE, most, share)])
            start += len(pieces[-1])
        return pieces

    def _run(self, ids: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """One run: texts side by side, each filled up to the longest, which is the first."""
        padded = np.zeros((len(ids), len(ids[0])), np.int64)
        mask = np.zeros_like(padded)
        for row, text in enumerate(ids):
            padded[row, : len(text)] = text
            mask[row, : len(text)] = 1
        logits: NDArray[np.float32] = self._session.run(None, {"ids": padded, "mask": mask})[0]
        return logits

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="encoder")


def share_of_processors() -> int:
    """How many processors are this process's own: those it may run on, in Lambda those that its memory buys."""
    try:
        here = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        here = os.cpu_count() or 1
    memory = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    return min(here, max(1, int(memory) // _MEGABYTES_A_VCPU)) if memory.isdigit() else here


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What ``model.json`` says, and the files that it names, whole."""
    try:
        description = json.loads((folder / "model.json").read_bytes())
        named = dict(description["files"])
        contents = {file: (folder / file).read_bytes() for file in ("model.onnx", "tokenizer.json")}
        for file, content in contents.items():
            if hashlib.sha256(content).hexdigest() != named[file]:
                raise MissingError(f"the model is not whole: {file} has not the sha256 that model.json names")
    except FileNotFoundError as error:
        raise MissingError(f"the model is not here: no {folder.name}/{Path(str(error.filename)).name}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MissingError(f"the model cannot be read: {folder.name}/model.json: {error!r}") from error
    return description, contents


def _calibration(description: dict[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Bias and temperature of every column: ``(logits + bias) / temperature``."""
    bias: list[float] = []
    temperature: list[float] = []
    for task, labels in (("sentiment", SENTIMENTS), ("emotion", EMOTIONS)):
        head = description[task]
        if len(head["bias"]) != len(labels) or not head["temperature"] > 0:
            raise ValueError(f"model.json: {task} needs a bias for each of {len(labels)} labels, a temperature above 0")
        bias += head["bias"]
        temperature += [head["temperature"]] * len(labels)
    return np.array(bias, np.float32), np.array(temperature, np.float32)


def _tokenizer(content: bytes, max_tokens: int, threads: int) -> Any:  # noqa: ANN401 (a package of one function)
    # Here, not above: what merely imports this module need not have the packages.
    from tokenizers import Tokenizer  # noqa: PLC0415 (see the line above)

    # As many threads as this process has processors or none: read by the library at each call.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true" if threads > 1 else "false")
    tokenizer = Tokenizer.from_buffer(content)
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def _session(content: bytes) -> Any:  # noqa: ANN401 (its package has no types)
    # Its releases tell Microsoft of every session unless this says no before it is imported (its Privacy.md).
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # noqa: PLC0415 (as above)

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Shapes change with every run: a plan for one is of no use to the next.
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
