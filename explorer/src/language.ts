/** Language support of the editors: completion, diagnostics, descriptions. */
import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import { syntaxTree } from '@codemirror/language';
import type { Diagnostic } from '@codemirror/lint';
import { EditorView, hoverTooltip } from '@codemirror/view';
import type { SyntaxNode } from '@lezer/common';
import { offsetToPos } from 'cm6-graphql';
import {
  getNamedType,
  getNullableType,
  GraphQLError,
  isEnumType,
  isInputObjectType,
  isListType,
  isRequiredInputField,
  parse,
  typeFromAST,
  validate,
  type GraphQLInputType,
  type GraphQLSchema,
} from 'graphql';
import { getAutocompleteSuggestions, getTokenAtPosition, getTypeInfo } from 'graphql-language-service';
import { showDocs } from './actions.ts';
import { isFederation, operationsOf, tryParse } from './documents.ts';
import { activeTab, getState } from './store.ts';

function knownSchema(): GraphQLSchema | null {
  const { schema } = getState();
  return schema.status === 'ready' ? schema.schema : null;
}

export function completeQuery(context: CompletionContext): CompletionResult | null {
  const schema = knownSchema();
  const word = context.matchBefore(/[\w@$]*/);
  if (!schema || !word || (word.from === word.to && !context.explicit)) return null;
  const text = context.state.doc.toString();
  const items = getAutocompleteSuggestions(schema, text, offsetToPos(context.state.doc, context.pos));
  const options = items
    .filter(({ label }) => !isFederation(label))
    .map((item): Completion => {
      const info = item.documentation ?? item.deprecationReason;
      return {
        label: item.label,
        ...(item.detail && { detail: item.detail }),
        ...(info && { info: () => describe(info) }),
        boost: item.label.startsWith('__') ? -50 : 0,
      };
    });
  return options.length > 0 ? { from: word.from, options, validFor: /^[\w@$]*$/ } : null;
}

function describe(text: string): Node {
  const node = document.createElement('div');
  node.textContent = text;
  return node;
}

export function findProblems(text: string): Diagnostic[] {
  const schema = knownSchema();
  if (!text.trim()) return [];
  try {
    const document = parse(text);
    return schema ? validate(schema, document).flatMap((error) => place(error, text)) : [];
  } catch (error) {
    return error instanceof GraphQLError ? place(error, text) : [];
  }
}

function place(error: GraphQLError, text: string): Diagnostic[] {
  const nodes = error.nodes?.length ? error.nodes : [null];
  return nodes.map((node) => {
    const from = Math.min(node?.loc?.start ?? error.positions?.[0] ?? 0, text.length);
    // Underline only the name of a field, not its whole selection.
    const named = node && 'name' in node ? node.name?.loc?.end : undefined;
    const to = Math.max(named ?? node?.loc?.end ?? from + 1, from);
    return { from, to: Math.min(to, text.length), severity: 'error', message: error.message };
  });
}

/** Finds what is at a position in a query: a field with its type, or a type. */
function findDefinition(view: EditorView, offset: number) {
  const schema = knownSchema();
  if (!schema) return null;
  const token = getTokenAtPosition(view.state.doc.toString(), offsetToPos(view.state.doc, offset) as never, 1);
  const { kind, step, name } = token.state;
  const info = getTypeInfo(schema, token.state);
  if (info.fieldDef && info.parentType && (kind === 'Field' || kind === 'AliasedField') && step !== null) {
    const parent = getNamedType(info.parentType).name;
    return {
      place: `${parent}.${info.fieldDef.name}`,
      title: `${parent}.${info.fieldDef.name}: ${String(info.fieldDef.type)}`,
      description: info.fieldDef.description ?? '',
    };
  }
  if (info.argDef && kind === 'Argument') {
    const type = getNamedType(info.argDef.type);
    return { place: type.name, title: `${info.argDef.name}: ${String(info.argDef.type)}`, description: info.argDef.description ?? '' };
  }
  const type = kind === 'NamedType' && name ? schema.getType(name) : undefined;
  return type ? { place: type.name, title: type.name, description: type.description ?? '' } : null;
}

/** Shows the description of the name under the pointer. */
export const explain = hoverTooltip((view, offset) => {
  const found = findDefinition(view, offset);
  const word = view.state.wordAt(offset);
  if (!found || !word) return null;
  return {
    pos: word.from,
    end: word.to,
    create: () => {
      const dom = document.createElement('div');
      dom.className = 'explanation';
      const title = document.createElement('code');
      title.textContent = found.title;
      dom.append(title, describe(found.description));
      return { dom };
    },
  };
});

/** Opens the documentation of the name at the cursor. */
export function showDocsHere(view: EditorView): boolean {
  const found = findDefinition(view, view.state.selection.main.head);
  if (found) showDocs(found.place);
  return true;
}

/** Opens the documentation on Ctrl and click. */
export const docsUnderClick = EditorView.domEventHandlers({
  click(event, view) {
    const offset = view.posAtCoords({ x: event.clientX, y: event.clientY });
    if (offset === null || !(event.ctrlKey || event.metaKey)) return;
    const found = findDefinition(view, offset);
    if (found) showDocs(found.place);
  },
});

/** The types of the variables of the tab's operation. */
function variableTypes(): Map<string, GraphQLInputType> {
  const schema = knownSchema();
  const types = new Map<string, GraphQLInputType>();
  if (!schema) return types;
  for (const { variableDefinitions } of operationsOf(tryParse(activeTab(getState()).query))) {
    for (const { variable, type } of variableDefinitions ?? []) {
      const found = typeFromAST(schema, type as never);
      if (found) types.set(variable.name.value, found as GraphQLInputType);
    }
  }
  return types;
}

interface Choice {
  name: string;
  type: GraphQLInputType;
  description: string;
  isRequired: boolean;
}

function choicesOf(type: GraphQLInputType | null): Choice[] {
  if (type === null) {
    return [...variableTypes()].map(([name, inner]) => ({ name, type: inner, description: '', isRequired: false }));
  }
  const nullable = getNullableType(type);
  if (!isInputObjectType(nullable)) return [];
  return Object.values(nullable.getFields()).map((field) => ({
    name: field.name,
    type: field.type,
    description: field.description ?? '',
    isRequired: isRequiredInputField(field),
  }));
}

function memberOf(type: GraphQLInputType | null): GraphQLInputType | null {
  const nullable = type && getNullableType(type);
  return isListType(nullable) ? nullable.ofType : null;
}

/** Names and values that the schema allows at a position in the variables. */
export function completeVariables(context: CompletionContext): CompletionResult | null {
  if (!knownSchema()) return null;
  const { pos, state } = context;
  let container = ''; // the innermost list, object or property value around the position
  let word = context.matchBefore(/"?\w*/) as { from: number; to: number };
  const path: (string | null)[] = []; // from outside to inside: names of properties, null for a list
  for (let node: SyntaxNode | null = syntaxTree(state).resolveInner(pos, -1); node; node = node.parent) {
    if (node.name === 'PropertyName' || node.name === 'String') word = node;
    if (node.name === 'Object') container ||= 'object';
    if (node.name === 'Array') {
      container ||= 'list';
      path.unshift(null);
    }
    const key = node.name === 'Property' ? node.getChild('PropertyName') : null;
    if (key && pos > key.to) {
      container ||= 'value';
      path.unshift(state.sliceDoc(key.from + 1, key.to - 1));
    }
  }
  let type: GraphQLInputType | null = null;
  for (const step of path) {
    if (step === null) type = memberOf(type);
    else type = choicesOf(type).find(({ name }) => name === step)?.type ?? null;
    if (type === null) return null;
  }
  if (word.from === pos && !context.explicit) return null;
  const options =
    container === 'object'
      ? choicesOf(type).map((choice) => ({
          label: `"${choice.name}"`,
          apply: `"${choice.name}": `,
          detail: String(choice.type),
          boost: choice.isRequired ? 1 : 0,
          ...(choice.description && { info: () => describe(choice.description) }),
        }))
      : valuesOf(type).map((label) => ({ label }));
  return options.length > 0 ? { from: word.from, to: Math.max(word.to, pos), options } : null;
}

function valuesOf(type: GraphQLInputType | null): string[] {
  if (type === null) return [];
  const named = getNamedType(type);
  if (isEnumType(named)) return named.getValues().map(({ name }) => `"${name}"`);
  return named.name === 'Boolean' ? ['true', 'false'] : [];
}
