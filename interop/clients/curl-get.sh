curl --get http://127.0.0.1:8000/graphql \
  --data-urlencode 'query={ models(filter: { providers: ["groq"] }, limit: 2) { totalCount nodes { modelId } } }'
