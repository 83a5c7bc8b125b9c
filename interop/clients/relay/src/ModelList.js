import { graphql, useLazyLoadQuery, usePaginationFragment } from 'react-relay';

export function ModelList() {
  const query = useLazyLoadQuery(
    graphql`
      query ModelListQuery($first: Int!) {
        ...ModelList_models @arguments(first: $first)
      }
    `,
    { first: 10 },
  );
  const { data, loadNext, hasNext } = usePaginationFragment(
    graphql`
      fragment ModelList_models on Query
      @refetchable(queryName: "ModelListPageQuery")
      @argumentDefinitions(first: { type: "Int!" }, after: { type: "String" }) {
        models(first: $first, after: $after) @connection(key: "ModelList_models") {
          edges { node { id name } }
        }
      }
    `,
    query,
  );
  return { names: data.models.edges.map(({ node }) => node.name), loadNext, hasNext };
}
