"""The words of Anthropic's API, betas included."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from weighlock.dialects.coded import coded
from weighlock.dialects.fields import Fields, names
from weighlock.model import NotInspected, Text
from weighlock.wire.jsontext import Document

_WORDS = names(
    """
    type role model models id media_type stop_reason service_tier speed inference_geo tool_use_id tool_id
    file_id container skill_id skills/version ttl category error_code file_type created_at expires_at
    archived_at cancel_initiated_at ended_at deprecated_at retires_at processing_status lifecycle line status
    display mode effort allowed_callers betas anthropic_beta anthropic_version first_id last_id request_id
    workspace_id user_profile_id previous_message_id results_url tab_id download_id retrieved_at keep bill_to
    billing_policy oversized_image response_inclusion prefix_mismatch_behavior reason recommended_model
    remove_to_redeem allowed_fallback_models fallbacks server_name mcp_server_name toolset_name tool_name
    mcp_servers/name tools/name tool_choice/name tool/name content/name content_block/name definition/name
    allowed_tools exclude_tools clear_tool_inputs client_tool_results/tools server_tool_results/tools
    authorization_token input_transformations/path
    """
)
_KEYS = _WORDS | names(
    """
    active adaptive allowed_domains applied_edits batch between_tools block_binding blocked_domains
    budget_tokens cache_control cache_creation cache_creation_input_tokens cache_miss_reason
    cache_missed_input_tokens cache_read_input_tokens caching caller canceled capabilities citation citations
    cited_text city clear_at clear_at_least clear_thinking_20251015 clear_tool_uses_20250919
    cleared_input_tokens cleared_thinking_turns cleared_tool_uses client_tool_results close_tab code_execution
    compact_20260112 compaction configs content content_block context context_management country cursor_position
    custom_id data default_config defer_loading definition deleted delta description details diagnostics
    disable_parallel_tool_use disabled display_height_px display_name display_number display_width_px
    document_index document_title double_click eager_input_streaming edits enable_zoom enabled encrypted_content
    encrypted_index encrypted_stdout end_block_index end_char_index end_page_number ephemeral_1h_input_tokens
    ephemeral_5m_input_tokens error error_message errored estimated_tokens expired explanation fallback_credit
    fallback_credit_token fallback_has_prefill_claim file_upload find form_input format from get_page_text
    has_more high hold_key hover image_input index input input_examples input_schema input_tokens
    input_transformations instructions is_error is_file_update iterations javascript_exec key left_click
    left_click_drag left_mouse_down left_mouse_up lines list_tabs low max max_characters max_content_tokens
    max_input_tokens max_tokens max_uses mcp_servers medium message messages metadata middle_click mouse_move
    name navigate new_lines new_start new_tab num_lines old_lines old_start original_input_tokens output_config
    output_tokens output_tokens_details page_age params partial_json path pause_after_compaction pdf_input
    processing properties read_console read_network read_page region remaining request_counts requests required
    result return_code right_click schema screenshot scroll scroll_to search_result_index server_tool_results
    server_tool_use server_tools signature size_bytes skills source start_block_index start_char_index
    start_line start_page_number state_changes stderr stdout stop_details stop_sequence stop_sequences stream
    strict structured_outputs succeeded summarize supported switch_tab system tabs task_budget text thinking
    thinking_tokens thread timezone title to token tool tool_changes tool_choice tool_configuration
    tool_references tools total total_lines transformations trigger triple_click types url url_sources usage
    use_cache user_id user_input user_location value version wait web_fetch_requests web_search
    web_search_requests xhigh zoom
    """
)
_FREE = names("input input_schema input_examples schema metadata")


class _Fields(Fields):
    """A source of `base64` cannot be inspected; one of `text` is a text, though it may look alike."""

    def read(
        self, document: Document, runs: Collection[str] = (), place: str = ""
    ) -> tuple[tuple[Text, ...], tuple[NotInspected, ...]]:
        closed = dict(coded(document.value, _FREE, _source))
        texts, others = super().read(document, {*runs, *closed}, place)
        return texts, (*others, *closed.values())


def _source(place: str, value: Mapping[str, Any]) -> tuple[str, str] | None:
    if value.get("type") != "base64" or not place.endswith("/source"):
        return None
    return "data", "image" if str(value.get("media_type")).startswith("image/") else "file"


ANTHROPIC = _Fields(
    keys=_KEYS,
    words=_WORDS,
    sealed=names(
        """
        signature encrypted_content encrypted_index encrypted_stdout content/data content_block/data
        fallback_credit_token fallback_credit_token/token
        """
    ),
    json=names("delta/partial_json"),
    free=_FREE,
)
