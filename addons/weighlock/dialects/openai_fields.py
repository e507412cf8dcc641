"""The words of OpenAI's API and of what speaks it: Azure, vLLM, llama.cpp, TGI, LiteLLM, OpenRouter, DeepSeek."""

from __future__ import annotations

from weighlock.dialects.fields import Fields, names

_WORDS = names(
    """
    model models role type id object finish_reason native_finish_reason tool_call_id encoding_format reasoning_effort
    effort verbosity service_tier system_fingerprint
    image_url/detail images/detail format tool_choice function_call owned_by root parent
    modality modalities voice function/name custom/name function_call/name syntax mode ttl search_context_size
    prompt_cache_retention moderation file_id first_id last_id category_applied_input_types response_format
    stream_format quality size style background output_format input_fidelity purpose status anchor endpoint
    completion_window input_file_id output_file_id error_file_id mime_type timestamp_granularities include task
    chunking_strategy severity request_id audio/id segment_id
    """
)
_KEYS = _WORDS | names(
    """
    detail method cache_control
    messages content text name refusal tool_calls function custom arguments input tools functions description
    parameters strict definition grammar allowed_tools stream stream_options include_usage include_obfuscation
    obfuscation temperature top_p top_k n stop max_tokens max_completion_tokens presence_penalty frequency_penalty
    logit_bias logprobs top_logprobs logprob token bytes user seed metadata json_schema schema store
    parallel_tool_calls prediction audio safety_identifier prompt_cache_key prompt_cache_options
    prompt_cache_breakpoint web_search_options user_location approximate city country region timezone choices index
    message delta usage prompt_tokens completion_tokens total_tokens prompt_tokens_details
    completion_tokens_details cached_tokens audio_tokens reasoning_tokens image_tokens text_tokens
    cache_write_tokens accepted_prediction_tokens rejected_prediction_tokens created data error code param
    annotations url_citation url title start_index end_index image_url input_audio file file_data filename
    expires_at transcript policy output results flagged categories category_scores deleted has_more content_parts
    prompt suffix echo best_of tokens token_logprobs text_offset dimensions embedding
    harassment harassment/threatening hate hate/threatening illicit illicit/violent self-harm self-harm/instructions
    self-harm/intent sexual sexual/minors violence violence/graphic shutdown_date
    created_at expires_after seconds status_details cancelled_at cancelling_at completed completed_at errors
    expired_at failed failed_at finalizing_at in_progress_at line output_expires_after request_counts total
    input_tokens input_tokens_details output_tokens output_tokens_details custom_id body response status_code
    instructions speed language languages word words segments speaker start end seek duration
    compression_ratio avg_logprob no_speech_prob keywords known_speaker_names known_speaker_references
    input_token_details threshold prefix_padding_ms silence_duration_ms
    image images mask b64_json revised_prompt output_compression partial_images partial_image_index
    reasoning_content reasoning reasoning_details summary signature stop_reason prompt_logprobs prompt_token_ids
    token_ids timings prompt_n prompt_ms prompt_per_token_ms prompt_per_second predicted_n predicted_ms
    predicted_per_token_ms predicted_per_second cache_n draft_n draft_n_accepted prompt_cache_hit_tokens
    prompt_cache_miss_tokens guided_json guided_regex guided_choice guided_grammar structured_outputs min_p
    repetition_penalty length_penalty min_tokens ignore_eos skip_special_tokens add_generation_prompt
    continue_final_message chat_template chat_template_kwargs documents extra_body kv_transfer_params
    include_stop_str_in_output spaces_between_special_tokens stop_token_ids bad_words priority add_special_tokens
    provider transforms route plugins cost max_price prefix thinking citations
    prompt_filter_results prompt_index content_filter_results content_filter_result content_filter_offsets
    check_offset start_offset end_offset filtered detected self_harm jailbreak profanity protected_material_text
    protected_material_code indirect_attack custom_blocklists data_sources embeddings
    query top_n return_documents document relevance_score text_1 text_2 score
    """
)

OPENAI = Fields(
    keys=_KEYS,
    words=_WORDS,
    json=names("function/arguments function_call/arguments"),
    free=names(
        """
        metadata function/parameters functions/parameters json_schema/schema guided_json chat_template_kwargs
        structured_outputs/json response_format/schema response_format/value data_sources
        """
    ),
    media={
        "image_url/url": "image",
        "images/image_url": "image",
        "mask/image_url": "image",
        "message/images": "image",
        "data/b64_json": "image",
        "b64_json": "image",
        "input_audio/data": "audio",
        "audio/data": "audio",
        "audio_url/url": "audio",
        "video_url/url": "video",
        "known_speaker_references": "audio",
        "file/file_data": "file",
        "prompt_embeds": "file",
    },
)
