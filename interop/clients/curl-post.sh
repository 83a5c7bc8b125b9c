curl http://127.0.0.1:8000/graphql \
  --header 'content-type: application/json' \
  --data '{
    "query": "query($id: String!) { model(modelId: $id) { name organisation { name } offerings { provider { name } endpoint { endpointId } } } }",
    "variables": { "id": "mistral/mistral-large-3" }
  }'
