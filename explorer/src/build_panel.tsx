import {
  getNamedType,
  isAbstractType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
  Kind,
  parse,
  parseValue,
  print,
  type ArgumentNode,
  type FieldNode,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLObjectType,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { useState } from 'react';
import { showDocs } from './actions.ts';
import { DocsPanel } from './docs_panel.tsx';
import { defaultSelection, defaultValue, isFederation, operationsOf, tryParse } from './documents.ts';
import { activeTab, changeTab, useStore } from './store.ts';

type Field = GraphQLField<unknown, unknown>;

/** The query as a tree of checkboxes, for users who do not know the schema yet. */
export function BuildPanel() {
  const schema = useStore((state) => state.schema);
  const tab = useStore(activeTab);
  if (schema.status !== 'ready') return <DocsPanel />;
  const root = schema.schema.getQueryType();
  const document = tryParse(tab.query);
  const operations = operationsOf(document);
  const operation = operations.find(({ name }) => name?.value === tab.operationName) ?? operations[0];

  function write(selectionSet: SelectionSetNode) {
    const changed: OperationDefinitionNode = operation
      ? { ...operation, selectionSet }
      : ({ kind: Kind.OPERATION_DEFINITION, operation: 'query', name: { kind: Kind.NAME, value: 'MyQuery' }, selectionSet } as OperationDefinitionNode);
    const definitions = document?.definitions.map((one) => (one === operation ? changed : one)) ?? [];
    // Printing drops comments. Those at the top describe the query, so they are kept.
    const comments = /^(?:\s*#.*\n)*/.exec(tab.query)?.[0] ?? '';
    const isEmpty = selectionSet.selections.length === 0;
    const text = isEmpty ? '' : print({ kind: Kind.DOCUMENT, definitions: operation ? definitions : [changed] });
    changeTab({ query: comments + (text && `${text}\n`) });
  }

  return (
    <section className="build" aria-label="Build a query">
      <h2>Build a query</h2>
      <p>Tick what you want to know. The query is written as you go.</p>
      {tab.query.trim() && !operation && stripComments(tab.query) ? (
        <p className="problem">The query cannot be read at the moment: see what is underlined.</p>
      ) : (
        root && <Selections type={root} selected={operation?.selectionSet} onChange={write} />
      )}
    </section>
  );
}

const stripComments = (text: string): string => text.replaceAll(/#.*/g, '').trim();

interface Selection {
  type: GraphQLObjectType;
  selected: SelectionSetNode | undefined;
  onChange: (selected: SelectionSetNode) => void;
}

function Selections({ type, selected, onChange }: Selection) {
  const selections = selected?.selections ?? [];
  const change = (before: FieldNode | undefined, after: FieldNode | null) => {
    const others = selections.flatMap((one) => (one === before ? (after ? [after] : []) : [one]));
    onChange({ kind: Kind.SELECTION_SET, selections: before || !after ? others : [...selections, after] });
  };
  const spreads = selections.filter(({ kind }) => kind !== Kind.FIELD);
  return (
    <ul className="tree">
      {Object.values(type.getFields())
        .filter(({ name }) => !isFederation(name))
        .map((field) => {
          const found = selections.filter((one): one is FieldNode => one.kind === Kind.FIELD && one.name.value === field.name);
          const rows = found.length > 0 ? found : [undefined];
          return rows.map((node, at) => (
            <FieldRow key={`${field.name} ${at}`} field={field} parent={type} node={node} onChange={(after) => change(node, after)} />
          ));
        })}
      {spreads.map((spread, at) => (
        <li key={at} className="hint">
          {print(spread).split('\n')[0]}
        </li>
      ))}
    </ul>
  );
}

interface RowProps {
  field: Field;
  parent: GraphQLObjectType;
  /** Absent if the field is not selected. */
  node: FieldNode | undefined;
  onChange: (node: FieldNode | null) => void;
}

function FieldRow({ field, parent, node, onChange }: RowProps) {
  const named = getNamedType(field.type);
  return (
    <li>
      <div className="tree-row">
        <label>
          <input type="checkbox" checked={node !== undefined} onChange={() => onChange(node ? null : makeField(field))} />
          {node?.alias && <span className="hint">{node.alias.value}: </span>}
          {field.name}
        </label>
        <button
          type="button"
          className="text hint"
          title={`What ${field.name} means`}
          onClick={() => showDocs(`${parent.name}.${field.name}`)}
        >
          {String(field.type)}
        </button>
      </div>
      {node && field.args.length > 0 && <Arguments field={field} node={node} onChange={onChange} />}
      {node && isObjectType(named) && (
        <Selections
          type={named}
          selected={node.selectionSet}
          onChange={(selectionSet) => onChange(selectionSet.selections.length > 0 ? { ...node, selectionSet } : null)}
        />
      )}
      {node && isAbstractType(named) && <p className="hint">Choose a type with “... on” in the editor.</p>}
    </li>
  );
}

function makeField(field: Field): FieldNode {
  const required = field.args.filter(isRequiredArgument).map((one) => `${one.name}: ${defaultValue(one.type)}`);
  const selection = isLeafType(getNamedType(field.type)) ? '' : defaultSelection(field.type);
  const text = `{ ${field.name}${required.length > 0 ? `(${required.join(', ')})` : ''} ${selection} }`;
  return operationsOf(parse(text))[0]!.selectionSet.selections[0] as FieldNode;
}

function Arguments({ field, node, onChange }: { field: Field; node: FieldNode; onChange: (node: FieldNode) => void }) {
  return (
    <details className="arguments" open={(node.arguments ?? []).length > 0}>
      <summary>Arguments</summary>
      {field.args.map((argument) => (
        <Argument
          key={argument.name}
          argument={argument}
          node={node.arguments?.find(({ name }) => name.value === argument.name)}
          onChange={(changed) => {
            const others = (node.arguments ?? []).filter(({ name }) => name.value !== argument.name);
            onChange({ ...node, arguments: changed ? [...others, changed] : others });
          }}
        />
      ))}
    </details>
  );
}

interface ArgumentProps {
  argument: GraphQLArgument;
  node: ArgumentNode | undefined;
  onChange: (node: ArgumentNode | null) => void;
}

function Argument({ argument, node, onChange }: ArgumentProps) {
  const written = node ? print(node.value).replaceAll(/\s+/g, ' ') : '';
  const [typed, setTyped] = useState<string | null>(null);
  const [isWrong, setWrong] = useState(false);

  function leave() {
    if (typed === null || typed === written) return setTyped(null);
    if (!typed.trim()) {
      onChange(null);
    } else {
      try {
        onChange({ kind: Kind.ARGUMENT, name: { kind: Kind.NAME, value: argument.name }, value: parseValue(typed) });
      } catch {
        return setWrong(true);
      }
    }
    setWrong(false);
    setTyped(null);
  }

  return (
    <label className="argument">
      <span>
        {argument.name}: <span className="hint">{String(argument.type)}</span>
      </span>
      <input
        value={typed ?? written}
        placeholder={defaultValue(argument.type)}
        aria-invalid={isWrong}
        spellCheck={false}
        onChange={(event) => setTyped(event.target.value)}
        onBlur={leave}
        onKeyDown={(event) => event.key === 'Enter' && leave()}
      />
      {isWrong && <span className="problem">Not a GraphQL value: texts have double quotes.</span>}
    </label>
  );
}
