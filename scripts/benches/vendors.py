"""Formats of credentials as their vendors document them: name of the variable they are kept in, and shape.

Written for the bench alone, apart from the rules. `<36 alnum>` in a shape stands for that many random characters; where
not all of it is secret, what is stands in «».
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Mapping

ALPHABETS: Mapping[str, str] = {
    "alnum": string.ascii_letters + string.digits,
    "lower": string.ascii_lowercase + string.digits,
    "upper": string.ascii_uppercase + string.digits,
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "digit": string.digits,
    "base32": string.ascii_uppercase + "234567",
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "base64": string.ascii_letters + string.digits + "+/",
    "url": string.ascii_letters + string.digits + "-_",
}

DISTINCT: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": "AKIA<16 base32>",
    "AWS_TEMPORARY_KEY_ID": "ASIA<16 base32>",
    "AZURE_CLIENT_SECRET": "<3 alnum>8Q~<34 url>",
    "AZURE_STORAGE": "DefaultEndpointsProtocol=https;AccountName=files;AccountKey=«<86 base64>==»",
    "AZURE_SERVICE_BUS": "Endpoint=sb://jobs.example.net/;SharedAccessKeyName=Root;SharedAccessKey=«<43 base64>=»",
    "GOOGLE_API_KEY": "AIza<35 url>",
    "GOOGLE_CLIENT_SECRET": "GOCSPX-<28 url>",
    "GOOGLE_ACCESS_TOKEN": "ya29.a0<160 url>",
    "DIGITALOCEAN_TOKEN": "dop_v1_<64 hex>",
    "DIGITALOCEAN_OAUTH": "doo_v1_<64 hex>",
    "HEROKU_API_KEY": "HRKU-AA<58 url>",
    "FLY_API_TOKEN": "fo1_<43 url>",
    "SUPABASE_ACCESS_TOKEN": "sbp_<40 hex>",
    "PLANETSCALE_TOKEN": "pscale_tkn_<43 url>",
    "PLANETSCALE_PASSWORD": "pscale_pw_<43 url>",
    "NETLIFY_TOKEN": "nfp_<40 alnum>",
    "ALIBABA_ACCESS_KEY_ID": "LTAI<20 alnum>",
    "DATABRICKS_TOKEN": "dapi<32 hex>",
    "PULUMI_ACCESS_TOKEN": "pul-<40 hex>",
    "TERRAFORM_TOKEN": "<14 alnum>.atlasv1.<67 alnum>",
    "VAULT_TOKEN": "hvs.<95 url>",
    "VAULT_BATCH_TOKEN": "hvb.<140 url>",
    "DOPPLER_TOKEN": "dp.pt.<43 alnum>",
    "TAILSCALE_KEY": "tskey-auth-<11 alnum>CNTRL-<32 alnum>",
    "GITHUB_TOKEN": "ghp_<36 alnum>",
    "GITHUB_OAUTH": "gho_<36 alnum>",
    "GITHUB_APP_USER": "ghu_<36 alnum>",
    "GITHUB_APP_SERVER": "ghs_<36 alnum>",
    "GITHUB_REFRESH": "ghr_<36 alnum>",
    "GITHUB_FINE_GRAINED": "github_pat_<22 alnum>_<59 alnum>",
    "GITLAB_TOKEN": "glpat-<20 url>",
    "GITLAB_RUNNER": "glrt-<20 url>",
    "GITLAB_DEPLOY": "gldt-<20 url>",
    "GITLAB_TRIGGER": "glptt-<40 hex>",
    "BITBUCKET_APP_PASSWORD": "ATBB<28 alnum><8 HEX>",
    "ATLASSIAN_API_TOKEN": "ATATT3xFfGF0<171 url>=<8 HEX>",
    "CIRCLECI_TOKEN": "CCIPAT_<22 alnum>_<40 hex>",
    "BUILDKITE_AGENT_TOKEN": "bkua_<40 hex>",
    "SONAR_TOKEN": "squ_<40 hex>",
    "NPM_TOKEN": "npm_<36 alnum>",
    "PYPI_TOKEN": "pypi-AgEIcHlwaS5vcmc<150 url>",
    "RUBYGEMS_API_KEY": "rubygems_<48 hex>",
    "CARGO_REGISTRY_TOKEN": "cio<32 alnum>",
    "NUGET_API_KEY": "oy2<43 lower>",
    "DOCKER_TOKEN": "dckr_pat_<27 url>",
    "ARTIFACTORY_KEY": "AKCp<69 alnum>",
    "CLOJARS_TOKEN": "CLOJARS_<60 hex>",
    "SLACK_BOT_TOKEN": "xoxb-<12 digit>-<13 digit>-<24 alnum>",
    "SLACK_USER_TOKEN": "xoxp-<12 digit>-<12 digit>-<13 digit>-<32 hex>",
    "SLACK_APP_TOKEN": "xapp-1-A<10 upper>-<13 digit>-<64 hex>",
    "SLACK_WEBHOOK": "https://hooks.slack.com/services/T<10 upper>/B<10 upper>/«<24 alnum>»",
    "DISCORD_BOT_TOKEN": "MT<24 alnum>.G<5 alnum>.<38 url>",
    "DISCORD_WEBHOOK": "https://discord.com/api/webhooks/<19 digit>/«<68 url>»",
    "TELEGRAM_BOT_TOKEN": "<10 digit>:AA<33 url>",
    "STRIPE_SECRET_KEY": "sk_live_<24 alnum>",
    "STRIPE_RESTRICTED_KEY": "rk_live_<99 alnum>",
    "STRIPE_WEBHOOK_SECRET": "whsec_<32 alnum>",
    "SQUARE_ACCESS_TOKEN": "EAAA<60 url>",
    "SQUARE_CLIENT_SECRET": "sq0csp-<43 url>",
    "BRAINTREE_ACCESS_TOKEN": "access_token$production$<16 lower>$<32 hex>",
    "SHOPIFY_ACCESS_TOKEN": "shpat_<32 hex>",
    "SHOPIFY_SECRET": "shpss_<32 hex>",
    "EASYPOST_API_KEY": "EZAK<54 alnum>",
    "OPENAI_API_KEY": "sk-proj-<74 url>T3BlbkFJ<74 url>",
    "OPENAI_LEGACY_KEY": "sk-<20 alnum>T3BlbkFJ<20 alnum>",
    "ANTHROPIC_API_KEY": "sk-ant-api03-<93 url>AA",
    "ANTHROPIC_ADMIN_KEY": "sk-ant-admin01-<93 url>AA",
    "HUGGINGFACE_TOKEN": "hf_<34 alnum>",
    "GROQ_API_KEY": "gsk_<52 alnum>",
    "REPLICATE_API_TOKEN": "r8_<37 alnum>",
    "XAI_API_KEY": "xai-<80 alnum>",
    "PERPLEXITY_API_KEY": "pplx-<48 alnum>",
    "OPENROUTER_API_KEY": "sk-or-v1-<64 hex>",
    "LANGSMITH_API_KEY": "lsv2_pt_<32 hex>_<10 hex>",
    "PINECONE_API_KEY": "pcsk_<6 alnum>_<63 alnum>",
    "SENDGRID_API_KEY": "SG.<22 url>.<43 url>",
    "MAILGUN_API_KEY": "key-<32 hex>",
    "MAILCHIMP_API_KEY": "<32 hex>-us21",
    "BREVO_API_KEY": "xkeysib-<64 hex>-<16 alnum>",
    "TWILIO_API_KEY": "SK<32 hex>",
    "RESEND_API_KEY": "re_<8 alnum>_<24 alnum>",
    "NOTION_TOKEN": "ntn_<46 alnum>",
    "LINEAR_API_KEY": "lin_api_<40 alnum>",
    "AIRTABLE_TOKEN": "pat<14 alnum>.<64 hex>",
    "FIGMA_TOKEN": "figd_<40 url>",
    "POSTMAN_API_KEY": "PMAK-<24 hex>-<34 hex>",
    "TYPEFORM_TOKEN": "tfp_<44 alnum>_<14 alnum>",
    "CONTENTFUL_TOKEN": "CFPAT-<43 url>",
    "MAPBOX_SECRET_TOKEN": "sk.eyJ<70 alnum>.<22 url>",
    "SENTRY_USER_TOKEN": "sntryu_<64 hex>",
    "NEW_RELIC_API_KEY": "NRAK-<27 upper>",
    "GRAFANA_TOKEN": "glsa_<32 alnum>_<8 hex>",
    "DYNATRACE_TOKEN": "dt0c01.<24 base32>.<64 base32>",
    "AGE_SECRET_KEY": "AGE-SECRET-KEY-1<58 bech32>",
    "JSON_WEB_TOKEN": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ<60 url>.<43 url>",
    "DATABASE_URL": "postgresql://app:«<20 alnum>»@db.example.com:5432/orders",
    "MONGODB_URI": "mongodb+srv://app:«<18 alnum>»@cluster0.example.mongodb.net/orders",
    "REDIS_URL": "redis://:«<32 alnum>»@cache.example.com:6379/0",
    "AMQP_URL": "amqps://worker:«<24 alnum>»@queue.example.com/jobs",
}
"""Those that can be told from any other word by themselves."""

NAMED: Mapping[str, str] = {
    "AWS_SECRET_ACCESS_KEY": "<40 base64>",
    "DATADOG_API_KEY": "<32 hex>",
    "CLOUDFLARE_API_TOKEN": "<40 url>",
    "COHERE_API_KEY": "<40 alnum>",
    "MISTRAL_API_KEY": "<32 alnum>",
    "TWILIO_AUTH_TOKEN": "<32 hex>",
    "AZURE_OPENAI_API_KEY": "<32 hex>",
    "ALGOLIA_API_KEY": "<32 hex>",
    "FASTLY_API_TOKEN": "<32 url>",
    "PAGERDUTY_API_KEY": "<20 url>",
    "SPOTIFY_CLIENT_SECRET": "<32 hex>",
    "DB_PASSWORD": "<16 alnum>",
    "SECRET_KEY": "<50 alnum>",
}
"""Those that only their names tell from any other word."""

_BLOCKS = ("RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK")


def made(shape: str, chance: random.Random) -> tuple[str, str]:
    """A credential, and what of it is secret."""
    text = re.sub(r"<(\d+) (\w+)>", lambda m: "".join(chance.choices(ALPHABETS[m[2]], k=int(m[1]))), shape)
    secret = re.search("«(.*)»", text)
    return re.sub("[«»]", "", text), secret[1] if secret else text


def blocks(chance: random.Random) -> Mapping[str, str]:
    """Private keys in PEM, which stand in lines of their own."""
    body = "\n".join(made("<64 base64>", chance)[0] for _ in range(12))
    return {name: f"-----BEGIN {name}-----\n{body}\n-----END {name}-----" for name in _BLOCKS}
