// graphql-eslint over schema.graphql: its recommended and its Relay rules, and a few more.
import plugin from '@graphql-eslint/eslint-plugin';
import { SCHEMA } from './lib/places.mjs';

const described = [
  'EnumTypeDefinition', 'EnumValueDefinition', 'FieldDefinition', 'InputObjectTypeDefinition',
  'InputValueDefinition', 'InterfaceTypeDefinition', 'ObjectTypeDefinition', 'ScalarTypeDefinition',
  'UnionTypeDefinition',
];

export default [
  {
    files: ['**/*.graphql'],
    plugins: { '@graphql-eslint': plugin },
    languageOptions: {
      parser: plugin.parser,
      parserOptions: { graphQLConfig: { schema: SCHEMA } },
    },
    rules: {
      ...plugin.configs['flat/schema-recommended'].rules,
      ...plugin.configs['flat/schema-relay'].rules,
      '@graphql-eslint/require-description': [
        'error',
        { rootField: true, ...Object.fromEntries(described.map((kind) => [kind, true])) },
      ],
      // The natural keys carry the upstream's words: `Model.modelId`, not `Model.id`.
      '@graphql-eslint/no-typename-prefix': 'off',
      // Lists that no page bounds, such as the providers of a model, are bounded by what they are.
      '@graphql-eslint/relay-edge-types': [
        'error',
        { withEdgeSuffix: true, shouldImplementNode: true, listTypeCanWrapOnlyEdgeType: false },
      ],
      // Values, which are nothing apart from what holds them.
      '@graphql-eslint/strict-id-in-types': [
        'error',
        {
          exceptions: {
            types: [
              'Catalogue', 'Cost', 'CostPart', 'FacetCount', 'ModelFacets', 'PageInfo', 'Parameter', 'Price',
              'PriceCondition', 'PriceList', 'PriceWindow', 'UnknownFilterValue',
            ],
            suffixes: ['Connection', 'Edge'],
          },
        },
      ],
    },
  },
];
