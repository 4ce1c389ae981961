"""The vocabulary, cut to the word pieces that the training texts have: the rest is a fifth of the embeddings.

Promises: every text that was counted is cut into the same pieces as before; no word of ASCII characters becomes
unknown, for every such character stays, by itself and inside a word.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

from tokenizers import Tokenizer

_SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_INSIDE: Final = "##"


def cut(whole: str, texts: Sequence[str]) -> tuple[str, list[int]]:
    """A smaller tokenizer, and which rows of the embeddings are its pieces', in its order.

    Args:
        whole: a ``tokenizer.json`` with BERT's word pieces; what it says of padding and truncation is dropped.
        texts: prepared, as in training.

    Returns:
        The new ``tokenizer.json``, and the old id of each new one.
    """
    tokenizer = Tokenizer.from_str(whole)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    seen: set[int] = set()
    for encoding in tokenizer.encode_batch_fast(list(texts)):
        seen.update(encoding.ids)
    description = json.loads(whole)
    pieces: dict[str, int] = description["model"]["vocab"]
    kept = sorted(at for piece, at in pieces.items() if at in seen or piece in _SPECIAL or _is_letter(piece))
    new_ids = {old: new for new, old in enumerate(kept)}
    description["model"]["vocab"] = {
        piece: new_ids[old] for piece, old in sorted(pieces.items(), key=lambda entry: entry[1]) if old in new_ids
    }
    _renumber(description, new_ids)
    return json.dumps(description, ensure_ascii=False, separators=(",", ":")), kept


def _is_letter(piece: str) -> bool:
    character = piece.removeprefix(_INSIDE)
    return len(character) == 1 and character.isascii()


def _renumber(description: dict[str, Any], new_ids: dict[int, int]) -> None:
    description["truncation"] = description["padding"] = None
    for token in description["added_tokens"]:
        token["id"] = new_ids[token["id"]]
    for token in description["post_processor"]["special_tokens"].values():
        token["ids"] = [new_ids[old] for old in token["ids"]]
