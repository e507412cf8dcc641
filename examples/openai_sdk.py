"""The openai SDK through the gateway: nothing but its environment changes.

HTTPS_PROXY=http://oidc:$TOKEN@$GATEWAY  SSL_CERT_FILE=$CA  OPENAI_API_KEY=weighlock  OPENAI_BASE_URL=$URL
"""

import openai

client = openai.OpenAI()
stream = client.chat.completions.create(
    model="demo", messages=[{"role": "user", "content": "How do canal locks work?"}], stream=True
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="", flush=True)
print()
