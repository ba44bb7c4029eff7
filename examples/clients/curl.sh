#!/usr/bin/env bash
# Find the entities of a text with curl. Usage: curl.sh [URL]
set -euo pipefail
url=${1:-http://localhost:3000}

# -f makes curl fail on an error status; --retry repeats on 429 and 503 and honours Retry-After.
curl -fsS --retry 3 "$url/ner" \
    -H 'Content-Type: application/json' \
    ${RANER_API_KEY:+-H "Authorization: Bearer $RANER_API_KEY"} \
    -d '{"text": "马云在杭州。", "types": ["PER", "LOC"]}'
