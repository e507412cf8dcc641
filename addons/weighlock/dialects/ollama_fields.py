"""What Ollama's JSON is made of: the members of its api/types.go, and what in a reply repeats its text."""

from __future__ import annotations

from typing import Any

from weighlock.dialects.fields import Fields, names
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import Spelled

_KEYS = names(
    """
    model prompt suffix system template context stream raw format keep_alive images options think truncate shift
    _debug_render_only logprobs top_logprobs messages tools role content thinking tool_calls tool_name tool_call_id
    id function index name arguments type items description parameters input dimensions verbose
    num_keep seed num_predict top_k top_p min_p typical_p repeat_last_n temperature repeat_penalty presence_penalty
    frequency_penalty stop num_ctx num_batch num_gpu main_gpu use_mmap num_thread draft_num_predict
    remote_model remote_host created_at message done done_reason _debug_info rendered_template image_count
    total_duration load_duration prompt_eval_count prompt_eval_duration eval_count eval_duration response
    token logprob bytes embeddings embedding license modelfile renderer parser details model_info projector_info
    tensors capabilities modified_at requires models size digest expires_at size_vram context_length shape
    parent_model family families parameter_size quantization_level embedding_length version error signin_url
    """
)
_WORDS = names(
    """
    model role tool_name tool_call_id id function/name type keep_alive think format remote_model remote_host created_at
    done_reason token renderer parser capabilities modified_at requires digest expires_at parent_model family families
    parameter_size quantization_level version models/name tensors/name
    """
)
OLLAMA = Fields(
    keys=_KEYS,
    words=_WORDS,
    free=names("arguments function/parameters tools/items format model_info projector_info"),
    media={"images": "image"},
)
TEXTS = ("/response", "/thinking", "/message/content", "/message/thinking")
"""Where an answer stands: whole in a reply, a piece in a frame."""


def spelling(document: Document) -> tuple[dict[str, tuple[Spelled, ...]], tuple[str, ...]]:
    """`logprobs` go where the answer is masked, and at once where they do not spell it exactly. `context`, which says
    the whole of it in numbers, never comes back.
    """
    texts = {place: text for place in TEXTS if isinstance(text := document.get(place), str) and text}
    context = ("/context",) if document.get("/context") is not None else ()
    said = document.get("/logprobs")
    if said is None:
        return {}, context
    if _spell(said) != "".join(texts.values()):
        return {}, ("/logprobs", *context)
    return {place: (Spelled(0, len(text), ("/logprobs",)),) for place, text in texts.items()}, context


def spelt_bytes(document: Document) -> set[str]:
    """The pointers of bytes that say what the tokens beside them say: they go with those."""
    said = document.get("/logprobs")
    return {
        f"/logprobs/{number}/bytes/{at}"
        for number, one in enumerate(said if isinstance(said, list) else ())
        if isinstance(one, dict) and _alike(one)
        for at in range(len(one.get("bytes") or ()))
    }


def _spell(said: Any) -> str | None:
    """The text that the tokens spell, where their bytes say the same."""
    if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        return None
    others = [other for one in said for other in one.get("top_logprobs") or ()]
    if not all(isinstance(one, dict) and _alike(one) for one in (*said, *others)):
        return None
    return "".join(one["token"] for one in said)


def _alike(one: dict[str, Any]) -> bool:
    token, spelt = one.get("token"), one.get("bytes")
    return isinstance(token, str) and (spelt is None or spelt == [str(byte) for byte in token.encode()])
