"""What the vendors' static keys look like: the one table of shapes, and where each of them counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """*pattern* is RE2 and case-sensitive. It has no upper length, so that none of a longer key is left over;
    base64's padding is not of the key."""

    vendor: str
    pattern: str
    reference: str
    alone: bool = True
    """Whether it is a key wherever it stands. Any other only names the vendor of what stands where a key belongs: by
    itself it may just as well be a trace id or a hash."""


_GITHUB = (
    "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github"
)
_GITLAB = "https://docs.gitlab.com/security/tokens/#token-prefixes"
_GOOGLE = "https://cloud.google.com/docs/authentication/api-keys"
_SLACK = "https://docs.slack.dev/authentication/tokens"
_AWS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids"
_BEDROCK = "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html"
_AZURE = "https://learn.microsoft.com/en-us/azure/ai-services/authentication"
_SCANNERS = "https://docs.github.com/en/code-security/reference/secret-security/supported-secret-scanning-patterns"
"""Where a vendor does not write its key's form down, this list of those that it reports to be found by form does."""

SHAPES: tuple[Shape, ...] = (
    # The companies that models are bought from. Prefixes of `sk-` that say more come before those that say less.
    Shape("anthropic", r"sk-ant-[A-Za-z0-9_-]{16,}", "https://platform.claude.com/docs/en/api/overview"),
    Shape("openrouter", r"sk-or-[A-Za-z0-9_-]{16,}", "https://openrouter.ai/docs/api-keys"),
    Shape("langfuse", r"sk-lf-[A-Za-z0-9_-]{16,}", "https://langfuse.com/faq/all/where-are-langfuse-api-keys"),
    Shape("helicone", r"sk-helicone-[A-Za-z0-9_-]{12,}", "https://docs.helicone.ai/helicone-headers/helicone-auth"),
    Shape(
        "openai",
        r"sk-(?:proj|svcacct|service|admin|None)-[A-Za-z0-9_-]{16,}",
        "https://platform.openai.com/docs/api-reference/authentication",
    ),
    Shape("deepseek", r"sk-[0-9a-f]{32}", "https://api-docs.deepseek.com/"),
    Shape(
        "openai", r"sk-[A-Za-z0-9]{20}[A-Za-z0-9_-]*", "https://platform.openai.com/docs/api-reference/authentication"
    ),
    Shape("google", r"AIza[A-Za-z0-9_-]{30,}", _GOOGLE),
    Shape("google", r"AQ\.[A-Za-z0-9_-]{30,}", "https://ai.google.dev/gemini-api/docs/api-key"),
    Shape("google", r"ya29\.[A-Za-z0-9_.-]{20,}", "https://developers.google.com/identity/protocols/oauth2"),
    Shape("google", r"1//0[A-Za-z0-9_-]{30,}", "https://developers.google.com/identity/protocols/oauth2"),
    Shape("google", r"GOCSPX-[A-Za-z0-9_-]{20,}", "https://developers.google.com/identity/protocols/oauth2"),
    Shape("azure", r"[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{26,}", _AZURE),
    Shape("azure", r"[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,}", "https://learn.microsoft.com/en-us/entra/"),
    Shape("aws", r"(?:AKIA|ASIA)[A-Z0-9]{16,}", _AWS),
    Shape("aws", r"ABSK[A-Za-z0-9+/]{80,}", _BEDROCK),
    Shape("aws", r"bedrock-api-key-[A-Za-z0-9+/_-]{20,}", _BEDROCK),
    Shape("groq", r"gsk_[A-Za-z0-9]{20,}", "https://console.groq.com/docs/quickstart"),
    Shape("xai", r"xai-[A-Za-z0-9_-]{20,}", "https://docs.x.ai/docs/overview"),
    Shape("huggingface", r"(?:hf_|api_org_)[A-Za-z0-9]{20,}", "https://huggingface.co/docs/hub/security-tokens"),
    Shape("replicate", r"r8_[A-Za-z0-9_-]{20,}", "https://replicate.com/docs/topics/security/api-tokens"),
    Shape("together", r"tgp_v1_[A-Za-z0-9_-]{20,}", "https://docs.together.ai/docs/quickstart"),
    Shape("fireworks", r"fw_[A-Za-z0-9]{16,}", "https://docs.fireworks.ai/getting-started/quickstart"),
    Shape("perplexity", r"pplx-[A-Za-z0-9]{20,}", "https://docs.perplexity.ai/getting-started/quickstart"),
    Shape("cerebras", r"csk-[A-Za-z0-9]{20,}", "https://inference-docs.cerebras.ai/quickstart"),
    Shape("nvidia", r"nvapi-[A-Za-z0-9_-]{20,}", "https://docs.api.nvidia.com/nim/docs/api-quickstart"),
    Shape("elevenlabs", r"sk_[0-9a-f]{40,}", "https://elevenlabs.io/docs/api-reference/authentication"),
    Shape("jina", r"jina_[A-Za-z0-9_-]{20,}", "https://jina.ai/api-dashboard/"),
    Shape("voyage", r"pa-[A-Za-z0-9_-]{40,}", "https://docs.voyageai.com/docs/api-key-and-installation"),
    Shape("vercel", r"vck_[A-Za-z0-9]{20,}", "https://vercel.com/docs/ai-gateway/authentication"),
    Shape("databricks", r"dapi[0-9a-f]{32,}(?:-[0-9]+)?", "https://docs.databricks.com/aws/en/dev-tools/auth/pat"),
    Shape("langsmith", r"lsv2_(?:pt|sk)_[0-9a-f_]{20,}", "https://docs.langchain.com/langsmith/create-account-api-key"),
    # What else a job may have at hand.
    Shape("github", r"gh[pousr]_[A-Za-z0-9_]{20,}", _GITHUB),
    Shape("github", r"github_pat_[A-Za-z0-9_]{20,}", _GITHUB),
    Shape("gitlab", r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[A-Za-z0-9_.-]{20,}", _GITLAB),
    Shape("slack", r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}", _SLACK),
    Shape("slack", r"xapp-[0-9]-[A-Za-z0-9-]{10,}", _SLACK),
    # No prefix, so only where a key belongs.
    Shape("azure", r"[0-9a-f]{32}", _AZURE, alone=False),
    Shape("mistral", r"[A-Za-z0-9]{32}", "https://docs.mistral.ai/getting-started/quickstart", alone=False),
    Shape("cohere", r"[A-Za-z0-9]{40}", "https://docs.cohere.com/docs/rate-limits", alone=False),
    Shape("together", r"[0-9a-f]{64}", "https://docs.together.ai/docs/quickstart", alone=False),
    Shape("openai", r"sk-[A-Za-z0-9_-]{8,}", _SCANNERS, alone=False),
)
