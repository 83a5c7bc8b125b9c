import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, acceptCompletion } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { json, jsonParseLinter } from '@codemirror/lang-json';
import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { forceLinting, linter, lintKeymap, type Diagnostic } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import { EditorState, type Extension } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { graphqlLanguageSupport } from 'cm6-graphql';
import { useEffect, useRef } from 'react';
import { run, tidy } from './actions.ts';
import { completeQuery, completeVariables, docsUnderClick, explain, findProblems, showDocsHere } from './language.ts';
import { operationAt } from './documents.ts';
import { useStore } from './store.ts';

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.definitionKeyword, tags.modifier], color: 'var(--code-keyword)' },
  { tag: [tags.propertyName, tags.attributeName], color: 'var(--code-field)' },
  { tag: [tags.string, tags.special(tags.name)], color: 'var(--code-string)' },
  { tag: [tags.number, tags.integer, tags.float, tags.bool, tags.null], color: 'var(--code-number)' },
  { tag: tags.variableName, color: 'var(--code-variable)' },
  { tag: tags.atom, color: 'var(--code-type)' },
  { tag: tags.lineComment, color: 'var(--code-comment)' },
]);

// The Tab key moves the focus, as everywhere on the page. Indentation is automatic.
const basics: Extension = [
  lineNumbers(),
  foldGutter(),
  highlightSpecialChars(),
  drawSelection(),
  EditorView.lineWrapping,
  bracketMatching(),
  highlightSelectionMatches(),
  search({ top: true }),
  syntaxHighlighting(colours),
];

const writing: Extension = [
  history(),
  indentOnInput(),
  closeBrackets(),
  highlightActiveLine(),
  keymap.of([
    { key: 'Shift-Alt-f', run: () => (void tidy(), true) },
    { key: 'Tab', run: acceptCompletion },
    ...closeBracketsKeymap,
    ...completionKeymap,
    ...lintKeymap,
    ...historyKeymap,
    ...foldKeymap,
    ...searchKeymap,
    ...defaultKeymap,
  ]),
];

/** Runs the operation at the cursor. */
function runHere({ state }: EditorView): boolean {
  void run(operationAt(state.doc.toString(), state.selection.main.head));
  return true;
}

const queryProblems = (view: EditorView): Diagnostic[] => findProblems(view.state.doc.toString());

const LANGUAGES: Record<'query' | 'variables' | 'answer', Extension> = {
  query: [
    keymap.of([
      { key: 'Mod-Enter', run: runHere },
      { key: 'F1', run: showDocsHere },
    ]),
    writing,
    graphqlLanguageSupport(),
    autocompletion({ override: [completeQuery], activateOnTyping: true }),
    linter(queryProblems, { delay: 300 }),
    explain,
    docsUnderClick,
  ],
  variables: [
    keymap.of([{ key: 'Mod-Enter', run: () => (void run(), true) }]),
    writing,
    json(),
    autocompletion({ override: [completeVariables] }),
    linter((view) => (view.state.doc.toString().trim() ? jsonParseLinter()(view) : [])),
  ],
  answer: [json(), EditorState.readOnly.of(true), keymap.of([...foldKeymap, ...searchKeymap, ...defaultKeymap])],
};

// States by tab and language, so that switching tabs does not lose the undo history.
const states = new Map<string, EditorState>();

interface Props {
  language: keyof typeof LANGUAGES;
  /** Id of the tab; each tab has its own text and undo history. */
  owner: string;
  label: string;
  value: string;
  onChange?: (value: string) => void;
}

export function Editor({ language, owner, label, value, onChange }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const change = useRef(onChange);
  change.current = onChange;
  const schema = useStore((state) => state.schema);

  useEffect(() => {
    const key = `${language} ${owner}`;
    const fresh = () =>
      EditorState.create({
        doc: value,
        extensions: [
          basics,
          LANGUAGES[language],
          EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) change.current?.(update.state.doc.toString());
          }),
        ],
      });
    const before = states.get(key);
    view.current = new EditorView({
      parent: place.current!,
      state: before?.doc.toString() === value ? before : fresh(),
    });
    return () => {
      if (language !== 'answer') states.set(key, view.current!.state);
      view.current!.destroy();
    };
    // Changes of the text are handled below.
  }, [language, owner, label]);

  useEffect(() => {
    const text = view.current!.state.doc.toString();
    if (text !== value) view.current!.dispatch({ changes: { from: 0, to: text.length, insert: value } });
  }, [value, owner]);

  useEffect(() => {
    if (language === 'query') forceLinting(view.current!);
  }, [schema, language]);

  return <div className="editor CodeMirror" ref={place} />;
}
