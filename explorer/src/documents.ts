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

/** Parses a document; null if the text is not valid GraphQL. */
export function tryParse(text: string): DocumentNode | null {
  try {
    return parse(text);
  } catch {
    return null;
  }
}

export const operationsOf = (document: DocumentNode | null): OperationDefinitionNode[] =>
  document?.definitions.filter((definition) => definition.kind === 'OperationDefinition') ?? [];

/** The name of a query: that of the operation that runs, else that of its first field. */
export function titleOf(text: string, operationName: string | null = null): string {
  if (operationName) return operationName;
  const code = text.replaceAll(/#.*/g, '');
  return (/\bquery\s+(\w+)/.exec(code) ?? /\{\s*(?:\w+\s*:\s*)?(\w+)/.exec(code))?.[1] ?? 'Untitled';
}

/** The name of the operation around a position in the text; otherwise of the first one. */
export function operationAt(text: string, offset: number): string | null {
  const operations = operationsOf(tryParse(text));
  const held = operations.find(({ loc }) => loc && loc.start <= offset && offset <= loc.end);
  return (held ?? operations[0])?.name?.value ?? null;
}

/** Whether a name belongs to federation; such names come last in lists of fields and types. */
export const isFederation = (name: string): boolean => /^_(entities|service|Any|Entity|Service)$/.test(name);

/** The default selection of a type: its id and name, or the members of a list. */
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

/** A valid value for an argument, as GraphQL text, for the user to edit. */
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

/** Adds default selections to fields that need one, so that an unfinished query can run. */
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

/** Formats a document, keeping its comments; loads the formatter on first use. */
export async function prettify(text: string): Promise<string> {
  const [{ format }, plugin] = await Promise.all([import('prettier/standalone'), import('prettier/plugins/graphql')]);
  return format(text, { parser: 'graphql', plugins: [plugin] });
}
