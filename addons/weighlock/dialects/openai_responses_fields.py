"""The words of OpenAI's Responses and Conversations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from weighlock.dialects.coded import coded
from weighlock.dialects.fields import Fields, names
from weighlock.model import NotInspected, Text
from weighlock.wire.jsontext import Document

_WORDS = names(
    """
    type role model status object id call_id item_id conversation previous_response_id container container_id
    file_id file_ids vector_store_ids caller_id approval_request_id connector_id continuation_id
    comparison_response_id tunnel_id skill_id created_by first_id last_id version error/code content/detail
    output/detail tools/action action environment incomplete_details/reason effort reasoning/mode
    reasoning/summary generate_summary verbosity service_tier size quality background output_format format/name
    tools/format context syntax mode ttl truncation phase personality execution search_context_size
    search_content_types prompt_cache_retention include input_fidelity media_type memory_limit ranker complexity
    review_target moderation_stage completion_window context_compression require_approval allowed_callers
    allowed_tools tool_names tool_choice tool_choice/name tools/name item/name output/name input/name data/name
    items/name instructions/name namespace server_label authorization button obfuscation
    category_applied_input_types input_transformations/id
    """
)
_KEYS = _WORDS | names(
    """
    access_programs acknowledged_safety_checks actions allowed_domains always annotation annotation_index
    annotations approve arguments async attributes background_options bytes cache_missed_tokens
    cache_write_tokens cache_write_tokens_details cached_image_tokens cached_text_tokens cached_tokens
    cached_tokens_details caller categories category_scores city code command command_index commands
    compact_threshold comparison_reusable_tokens completed_at content content_index context_management country
    created_at cyber data defer_loading definition deleted delta deprecated description detail
    detailed_explanation details diff display_height display_width domain domain_secrets embedding_weight
    encrypted_content end_index env error error_type exit_code external_web_access file_data file_url filename
    filters fingerprint flagged format frame_count frame_duration_ms has_more headers hybrid_search image
    image_gen image_tokens image_url include_obfuscation incomplete_details index input input_image_mask
    input_schema input_tokens input_tokens_details input_transformations instructions item items key keys
    logprob logprobs logs max_num_results max_output_length max_output_tokens max_tool_calls message metadata
    misalignment moderation moderation_details name network_policy never num_requests operation outcome output
    output_compression output_index output_schema output_tokens output_tokens_details outputs
    parallel_tool_calls param parameters part partial_image_b64 partial_image_index partial_images path pattern
    pending_safety_checks policy prewarm prompt prompt_cache_breakpoint prompt_cache_diagnostics
    prompt_cache_key prompt_cache_options queries query ranking_options read_only reason reasoning
    reasoning_tokens refusal region response result results revised_prompt safety_identifier schema score
    score_threshold scroll_x scroll_y sequence_number server_description server_url skills source sources
    start_index stderr stdout steer store stream stream_options strict summary summary_index svg svg_usage
    temperature text text_tokens text_weight timeout_ms timezone title token tool_usage tools top_logprobs top_p
    total_tokens ttl_12h_tokens ttl_30m_tokens url usage user user_location value variables web_search
    working_directory x y
    """
)
_FREE = names(
    """
    metadata parameters schema arguments variables attributes headers env input_schema output_schema tools/annotations
    """
)
_VARIABLES = {"input_image": ("image_url", "image"), "input_file": ("file_data", "file")}


class _Fields(Fields):
    """A prompt's variables are somebody's own, but for images and files. A call's `result` is an image where one was
    made; a program's is a text, though it may look alike.
    """

    def read(
        self, document: Document, runs: Collection[str] = (), place: str = ""
    ) -> tuple[tuple[Text, ...], tuple[NotInspected, ...]]:
        closed = dict(coded(document.value, _FREE - {"variables"}, _media))
        texts, others = super().read(document, {*runs, *closed}, place)
        return texts, (*others, *closed.values())


def _media(place: str, value: Mapping[str, Any]) -> tuple[str, str] | None:
    said = value.get("type")
    if "/variables/" in place:
        return _VARIABLES.get(said) if isinstance(said, str) else None
    return ("result", "image") if said == "image_generation_call" else None


RESPONSES = _Fields(
    keys=_KEYS,
    words=_WORDS,
    json=names("arguments"),
    free=_FREE,
    media={
        "image_url": "image",
        "partial_image_b64": "image",
        "input_audio/data": "audio",
        "file_data": "file",
        "source/data": "file",
    },
    sealed=names("encrypted_content fingerprint"),
)
AUDIO = replace(RESPONSES, media={"delta": "audio"})
"""Of a delta of speech."""
