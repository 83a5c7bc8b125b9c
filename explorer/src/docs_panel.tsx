import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
  isUnionType,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLNamedType,
  type GraphQLSchema,
  type GraphQLType,
} from 'graphql';
import { Fragment, useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { AccessForm } from './access.tsx';
import { loadSchema, showDocs } from './actions.ts';
import { isFederation } from './documents.ts';
import { facts } from './facts.ts';
import { Icon } from './icons.tsx';
import { MOD } from './keys.ts';
import { setState, useStore } from './store.ts';

/** All types and fields, with search; or why there is no documentation, and what helps. */
export function DocsPanel() {
  const schema = useStore((state) => state.schema);
  switch (schema.status) {
    case 'ready':
      return <Docs schema={schema.schema} />;
    case 'loading':
      return (
        <Missing>
          <p>Asking for the schema …</p>
        </Missing>
      );
    case 'off':
      return (
        <Missing>
          <p>
            <strong>Introspection is off on this gateway</strong>, so there is no documentation to show. Queries run all
            the same; ask whoever runs the gateway for its schema.
          </p>
        </Missing>
      );
    case 'needs-access':
      return (
        <Missing>
          <p>
            <strong>
              The documentation appears once the gateway has a key that it accepts.
            </strong>
          </p>
          <AccessForm withHeaders={!facts.apiKeys} />
        </Missing>
      );
    case 'failed':
      return (
        <Missing>
          <p>
            <strong>The schema could not be read:</strong> {schema.message}
          </p>
          <button type="button" onClick={() => void loadSchema()}>
            Try again
          </button>
        </Missing>
      );
  }
}

function Missing({ children }: { children: ReactNode }) {
  return (
    <section aria-label="Documentation">
      <h2>Documentation</h2>
      {children}
    </section>
  );
}

function Docs({ schema }: { schema: GraphQLSchema }) {
  const docs = useStore((state) => state.docs);
  const [sought, setSought] = useState('');
  const place = docs.at(-1);
  const heading = useRef<HTMLHeadingElement>(null);
  const isMoved = useRef(false);
  const search = useRef<HTMLInputElement>(null);
  const seeks = useStore((state) => state.seeks);

  useEffect(() => {
    if (!seeks) return;
    search.current?.focus();
    setState({ seeks: false });
  }, [seeks]);

  useEffect(() => {
    // Focus the top of a new page, also for screen readers, but not when the panel opens.
    if (isMoved.current) heading.current?.focus();
    isMoved.current = true;
    setSought('');
  }, [place]);

  const [typeName = '', fieldName] = place?.split('.') ?? [];
  const type = schema.getType(typeName);
  const field =
    type && fieldName && ('getFields' in type ? (type.getFields()[fieldName] as AnyField | undefined) : undefined);
  return (
    <section className="docs" aria-label="Documentation">
      <div className="docs-search">
        <label htmlFor="docs-search" className="visually-hidden">
          Search the documentation
        </label>
        <input
          id="docs-search"
          ref={search}
          type="search"
          placeholder="Search types and fields"
          value={sought}
          onChange={(event) => setSought(event.target.value)}
        />
        <kbd>{MOD}+K</kbd>
      </div>
      {docs.length > 0 && (
        <button type="button" className="text back" onClick={() => setState({ docs: docs.slice(0, -1) })}>
          <Icon name="back" />
          {docs.at(-2) ?? 'Documentation'}
        </button>
      )}
      {sought.trim() ? (
        <Found schema={schema} sought={sought.trim().toLowerCase()} />
      ) : (
        <>
          <h2 ref={heading} tabIndex={-1}>
            {place ?? 'Documentation'}
          </h2>
          {field ? <FieldPage field={field} /> : type ? <TypePage type={type} schema={schema} /> : <Root schema={schema} />}
        </>
      )}
    </section>
  );
}

type AnyField = GraphQLField<unknown, unknown> | GraphQLInputField;

function Found({ schema, sought }: { schema: GraphQLSchema; sought: string }) {
  const found = useMemo(() => {
    const hits: { place: string; rank: number }[] = [];
    const note = (place: string, name: string, description = '') => {
      const lower = name.toLowerCase();
      if (lower === sought) hits.push({ place, rank: 0 });
      else if (lower.startsWith(sought)) hits.push({ place, rank: 1 });
      else if (lower.includes(sought)) hits.push({ place, rank: 2 });
      else if (description.toLowerCase().includes(sought)) hits.push({ place, rank: 3 });
    };
    for (const type of listTypes(schema)) {
      note(type.name, type.name, type.description ?? '');
      if (!('getFields' in type)) continue;
      for (const field of Object.values(type.getFields()) as AnyField[]) {
        if (!isFederation(field.name)) note(`${type.name}.${field.name}`, field.name, field.description ?? '');
      }
    }
    return hits.sort((a, b) => a.rank - b.rank).slice(0, 40);
  }, [schema, sought]);
  return (
    <>
      <p className="hint" role="status">
        {found.length === 0 ? 'Nothing is called like that, or described so.' : `${found.length} found`}
      </p>
      <ul className="plain-list">
        {found.map(({ place }) => (
          <li key={place}>
            <button type="button" className="text" onClick={() => showDocs(place)}>
              {place}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

const listTypes = (schema: GraphQLSchema): GraphQLNamedType[] =>
  Object.values(schema.getTypeMap())
    .filter((type) => !isIntrospectionType(type) && !isFederation(type.name))
    .sort((a, b) => a.name.localeCompare(b.name));

function Root({ schema }: { schema: GraphQLSchema }) {
  const query = schema.getQueryType();
  const types = listTypes(schema).filter((type) => type !== query && !isSpecifiedScalarType(type));
  const internals = Object.values(query?.getFields() ?? {}).filter(({ name }) => isFederation(name));
  const kinds: [string, GraphQLNamedType[]][] = [
    ['Types', types.filter((type) => (isObjectType(type) || isInterfaceType(type) || isUnionType(type)) && !isPlumbing(type))],
    ['Inputs', types.filter(isInputObjectType)],
    ['Enums', types.filter(isEnumType)],
    ['Scalars', types.filter(isScalarType)],
    ['Lists and their parts', types.filter(isPlumbing)],
  ];
  return (
    <>
      <Description text={schema.description} />
      {query && (
        <>
          <h3>What can be asked</h3>
          <Fields type={query} fields={Object.values(query.getFields()).filter(({ name }) => !isFederation(name))} />
        </>
      )}
      {kinds.map(
        ([title, members]) =>
          members.length > 0 && (
            <Fragment key={title}>
              <h3>{title}</h3>
              <ul className="names">
                {members.map((type) => (
                  <li key={type.name}>
                    <TypeLink type={type} />
                  </li>
                ))}
              </ul>
            </Fragment>
          ),
      )}
      {query && internals.length > 0 && (
        <>
          <h3>For routers of federated graphs</h3>
          <Fields type={query} fields={internals} />
        </>
      )}
    </>
  );
}

const isPlumbing = (type: GraphQLNamedType): boolean => /(Connection|Edge|PageInfo)$/.test(type.name);

function TypePage({ type, schema }: { type: GraphQLNamedType; schema: GraphQLSchema }) {
  return (
    <>
      <Description text={type.description} />
      {(isObjectType(type) || isInterfaceType(type)) && type.getInterfaces().length > 0 && (
        <p>
          Implements{' '}
          {type.getInterfaces().map((one) => (
            <TypeLink key={one.name} type={one} />
          ))}
        </p>
      )}
      {(isObjectType(type) || isInterfaceType(type) || isInputObjectType(type)) && (
        <>
          <h3>Fields</h3>
          <Fields type={type} fields={Object.values(type.getFields()).filter(({ name }) => !isFederation(name))} />
        </>
      )}
      {isEnumType(type) && (
        <>
          <h3>Values</h3>
          <ul className="fields">
            {type.getValues().map((value) => (
              <li key={value.name}>
                <code>{value.name}</code>
                <Description text={value.description} />
                <Deprecation reason={value.deprecationReason} />
              </li>
            ))}
          </ul>
        </>
      )}
      {(isInterfaceType(type) || isUnionType(type)) && (
        <>
          <h3>Is one of</h3>
          <ul className="names">
            {schema.getPossibleTypes(type).map((one) => (
              <li key={one.name}>
                <TypeLink type={one} />
              </li>
            ))}
          </ul>
        </>
      )}
      {isScalarType(type) && type.specifiedByURL && (
        <p>
          Specified at <a href={type.specifiedByURL} target="_blank" rel="noreferrer">{type.specifiedByURL}</a>
        </p>
      )}
    </>
  );
}

function Fields({ type, fields }: { type: GraphQLNamedType; fields: readonly AnyField[] }) {
  return (
    <ul className="fields">
      {fields.map((field) => (
        <li key={field.name}>
          <button type="button" className="text" onClick={() => showDocs(`${type.name}.${field.name}`)}>
            {field.name}
          </button>
          {'args' in field && field.args.length > 0 && <span className="hint">(…)</span>}
          <span className="hint">: </span>
          <TypeLink type={field.type} />
          <Description text={field.description} isShort />
          <Deprecation reason={field.deprecationReason} />
        </li>
      ))}
    </ul>
  );
}

function FieldPage({ field }: { field: AnyField }) {
  return (
    <>
      <p>
        Gives <TypeLink type={field.type} />
      </p>
      <Description text={field.description} />
      <Deprecation reason={field.deprecationReason} />
      {'args' in field && field.args.length > 0 && (
        <>
          <h3>Arguments</h3>
          <ul className="fields">
            {field.args.map((argument: GraphQLArgument) => (
              <li key={argument.name}>
                <code>{argument.name}</code>
                <span className="hint">: </span>
                <TypeLink type={argument.type} />
                {argument.defaultValue !== undefined && <code> = {JSON.stringify(argument.defaultValue)}</code>}
                <Description text={argument.description} />
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}

function TypeLink({ type }: { type: GraphQLType }) {
  const named = getNamedType(type);
  return (
    <button type="button" className="text type" onClick={() => showDocs(named.name)}>
      {String(type)}
    </button>
  );
}

/** Descriptions are Markdown, of which only code and paragraphs are rendered. */
function Description({ text, isShort = false }: { text: string | null | undefined; isShort?: boolean }) {
  if (!text) return null;
  const paragraphs = text.trim().split(/\n{2,}/);
  return (
    <div className="description">
      {(isShort ? paragraphs.slice(0, 1) : paragraphs).map((paragraph, at) => (
        <p key={at}>
          {paragraph.split(/(`[^`]+`)/).map((part, place) =>
            part.startsWith('`') ? <code key={place}>{part.slice(1, -1)}</code> : part,
          )}
        </p>
      ))}
    </div>
  );
}

function Deprecation({ reason }: { reason: string | null | undefined }) {
  return reason ? <p className="problem">Deprecated: {reason}</p> : null;
}
