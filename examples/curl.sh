#!/bin/sh
# One chat completion through the gateway. GATEWAY is host:port, TOKEN the pipeline's OIDC token, CA the gateway's
# certificate authority, URL the model host's base URL.
set -eu
curl --silent --show-error --fail-with-body \
    --proxy "http://oidc:$TOKEN@$GATEWAY" --cacert "$CA" \
    --header 'content-type: application/json' \
    --data '{"model": "demo", "messages": [{"role": "user", "content": "How do canal locks work?"}]}' \
    "$URL/chat/completions"
