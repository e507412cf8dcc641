"""What the messages of the Model Context Protocol are made of: the members of its schema.ts, in all revisions."""

from __future__ import annotations

from dataclasses import replace

from weighlock.dialects.fields import BY_TYPE, Fields, names
from weighlock.model import NotInspected, Text
from weighlock.wire.jsontext import Document

_KEYS = names(
    """
    $schema _meta action annotations anyOf argument arguments audience blob cacheScope call cancel capabilities
    clientInfo code completion completions const content contents context costPriority create createMessage createdAt
    cursor data default description destructiveHint elicitation elicitationId elicitations enum enumNames error
    execution experimental extensions form format hasMore hints icons id idempotentHint includeContext input
    inputRequests inputResponses inputSchema instructions intelligencePriority isError items jsonrpc lastModified
    lastUpdatedAt level list listChanged logger logging maxItems maxLength maxTokens maximum message messages metadata
    method mimeType minItems minLength minimum mode model modelPreferences name nextCursor notifications oneOf
    openWorldHint outputSchema params pollInterval priority progress progressToken prompts promptsListChanged
    properties protocolVersion readOnlyHint reason ref requestId requestState requested requestedSchema requests
    required requiredCapabilities resource resourceSubscriptions resourceTemplates resources resourcesListChanged
    result resultType role roots sampling serverInfo size sizes speedPriority src status statusMessage stopReason
    stopSequences structuredContent subscribe supported supportedVersions systemPrompt task taskId taskSupport tasks
    temperature text theme title toolChoice toolUseId tools toolsListChanged total ttl ttlMs type uri uriTemplate url
    value values version websiteUrl
    """
)
_WORDS = names(
    """
    jsonrpc method id role type mimeType protocolVersion cursor nextCursor progressToken requestId action audience
    level mode theme sizes status taskId createdAt lastUpdatedAt lastModified stopReason includeContext format
    resultType cacheScope elicitationId toolUseId taskSupport version model logger requested supported
    supportedVersions params/name tools/name prompts/name argument/name
    """
)
MCP = Fields(
    keys=_KEYS,
    words=_WORDS,
    json=names("content/text contents/text"),
    free=names(
        """
        arguments structuredContent _meta inputSchema outputSchema requestedSchema experimental extensions metadata
        error/data params/data content/input requiredCapabilities
        """
    ),
    media={
        "content/data": BY_TYPE,
        "contents/blob": BY_TYPE,
        "resource/blob": BY_TYPE,
        "icons/src": "image",
    },
)
_ELICITED = replace(MCP, free=MCP.free | {"content"})
"""What somebody filled in stands in `content` too, under names of the server's own."""


def read(document: Document) -> tuple[tuple[Text, ...], tuple[NotInspected, ...]]:
    filled_in = any(leaf.kind == "key" and leaf.value == "action" for leaf in document.leaves())
    return (_ELICITED if filled_in else MCP).read(document)
