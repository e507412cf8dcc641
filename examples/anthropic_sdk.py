"""The anthropic SDK through the gateway. Its dialect is not known yet: list the host with the generic one, which reads
any JSON whole, and do not ask for a stream.

HTTPS_PROXY=http://oidc:$TOKEN@$GATEWAY  SSL_CERT_FILE=$CA  ANTHROPIC_API_KEY=weighlock  ANTHROPIC_BASE_URL=$URL
"""

import anthropic

client = anthropic.Anthropic()
message = client.messages.create(
    model="demo", max_tokens=100, messages=[{"role": "user", "content": "How do canal locks work?"}]
)
print(message.content)
