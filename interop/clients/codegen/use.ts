import { gql, type TypedDocumentNode } from '@apollo/client';
import { ModelDocument, type ModelQuery } from './graph.js';

export const MODEL = gql`
  query Model($modelId: String!) {
    model(modelId: $modelId) { name status releaseDate offerings { effectiveFrom } }
  }
`;

/** A line about a model; dates are strings, and null has to be thought of. */
export function describe({ model }: ModelQuery): string {
  if (!model) return 'no such model';
  const day: string = model.releaseDate ?? 'not yet';
  return `${model.name ?? 'unnamed'}: ${model.status ?? 'no status'}, released ${day}`;
}

export const typed: TypedDocumentNode<ModelQuery, { modelId: string }> = ModelDocument;
