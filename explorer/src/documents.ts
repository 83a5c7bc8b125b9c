import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  parse,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';

/** Null where the text is not GraphQL (yet). */
export function tryParse(text: string): DocumentNode | null {
  try {
    return parse(text);
  } catch {
    return null;
  }
}

export const operationsOf = (document: DocumentNode | null): OperationDefinitionNode[] =>
  document?.definitions.filter((definition) => definition.kind === 'OperationDefinition') ?? [];

/** What a query is called: the operation that runs, or the first field that it asks for. */
export function titleOf(text: string, operationName: string | null = null): string {
  if (operationName) return operationName;
  const code = text.replaceAll(/#.*/g, '');
  return (/\bquery\s+(\w+)/.exec(code) ?? /\{\s*(?:\w+\s*:\s*)?(\w+)/.exec(code))?.[1] ?? 'Untitled';
}

/** The operation that holds a place in the text, by name; otherwise the first. */
export function operationAt(text: string, offset: number): string | null {
  const operations = operationsOf(tryParse(text));
  const held = operations.find(({ loc }) => loc && loc.start <= offset && offset <= loc.end);
  return (held ?? operations[0])?.name?.value ?? null;
}

/** Machinery of federation: it comes last wherever fields and types are listed. */
export const isFederation = (name: string): boolean => /^_(entities|service|Any|Entity|Service)$/.test(name);

/** What is selected of a type where nobody said what: its id and name, or the members of a list. */
export function defaultSelection(type: GraphQLOutputType, depth = 3): string {
  const named = getNamedType(type);
  if (isLeafType(named)) return '';
  const fields = isObjectType(named) ? named.getFields() : {};
  const isFree = (field: GraphQLField<unknown, unknown>) => !field.args.some(isRequiredArgument);
  const natural = Object.values(fields).filter(
    (field) => isLeafType(getNamedType(field.type)) && isFree(field) && /^(\w+Id|name|label|value|count)$/.test(field.name),
  );
  if (natural.length > 0) return `{ ${natural.map(({ name }) => name).join(' ')} }`;
  const members = fields['nodes'];
  if (members && depth > 0) return `{ nodes ${defaultSelection(members.type, depth - 1)} }`;
  const leaf = Object.values(fields).find((field) => isLeafType(getNamedType(field.type)) && isFree(field));
  return `{ ${leaf?.name ?? '__typename'} }`;
}

/** A value that an argument may have, as GraphQL text: something to start from. */
export function defaultValue(type: GraphQLInputType): string {
  const named = getNamedType(type);
  if (isEnumType(named)) return named.getValues()[0]?.name ?? 'null';
  if (isInputObjectType(named)) {
    const required = Object.values(named.getFields()).filter((field) => isNonNullType(field.type) && field.defaultValue === undefined);
    return `{ ${required.map((field) => `${field.name}: ${defaultValue(field.type)}`).join(', ')} }`;
  }
  const text = { Int: '10', Float: '0', Boolean: 'true' }[named.name] ?? '""';
  return String(type).includes('[') ? `[${text}]` : text;
}

/** Completes fields that lack the selection they need, so that a sketch can run. */
export function fillSelections(text: string, schema: GraphQLSchema): string {
  const document = tryParse(text);
  if (!document) return text;
  const insertions: { at: number; text: string }[] = [];
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      Field(node) {
        const type = types.getType();
        if (!node.selectionSet && node.loc && type && !isLeafType(getNamedType(type))) {
          insertions.push({ at: node.loc.end, text: ` ${defaultSelection(type)}` });
        }
      },
    }),
  );
  return insertions.reduceRight((filled, { at, text: added }) => filled.slice(0, at) + added + filled.slice(at), text);
}

/** Lays a document out anew, with its comments; loads what that takes when first asked. */
export async function prettify(text: string): Promise<string> {
  const [{ format }, plugin] = await Promise.all([import('prettier/standalone'), import('prettier/plugins/graphql')]);
  return format(text, { parser: 'graphql', plugins: [plugin] });
}
