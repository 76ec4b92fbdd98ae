// The editors: CodeMirror, each in a shadow root of its own, whose style sheets need no exception
// from the content security policy.

import {
  bracketMatching, codeFolding, defaultKeymap, drawSelection, EditorState, EditorView, foldGutter, foldKeymap, highlightActiveLine,
  highlightSpecialChars, HighlightStyle, history, historyKeymap, indentOnInput, indentUnit, keymap, lineNumbers, lintGutter,
  lintKeymap, search, searchKeymap, setDiagnostics, syntaxHighlighting, tags, yaml,
} from "./codemirror.js";

const colours = HighlightStyle.define([
  {tag: [tags.definition(tags.propertyName), tags.propertyName], color: "var(--code-key)"},
  {tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)"},
  {tag: [tags.number, tags.bool, tags.null, tags.keyword, tags.typeName], color: "var(--code-number)"},
  {tag: tags.comment, color: "var(--code-comment)"},
  {tag: [tags.meta, tags.separator, tags.punctuation, tags.labelName], color: "var(--code-punctuation)"},
]);

const look = EditorView.theme({
  "&": {height: "100%", fontSize: "13px", color: "var(--text)", backgroundColor: "var(--paper)"},
  "&.cm-focused": {outline: "none"}, // what it stands in has one
  ".cm-scroller": {fontFamily: "var(--mono)", lineHeight: "1.5"},
  ".cm-content": {caretColor: "var(--text)"},
  ".cm-cursor": {borderLeftColor: "var(--text)"},
  ".cm-gutters": {backgroundColor: "var(--paper)", color: "var(--quiet)", border: "none"},
  ".cm-activeLine, .cm-activeLineGutter": {backgroundColor: "var(--line)"},
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {backgroundColor: "var(--selection)"},
  ".cm-foldPlaceholder": {backgroundColor: "var(--line)", color: "var(--text)", border: "none"},
  ".cm-panels, .cm-tooltip": {backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--border)"},
  ".cm-textfield, .cm-button": {backgroundColor: "var(--paper)", backgroundImage: "none", color: "var(--text)", border: "1px solid var(--border)"},
  ".cm-diagnostic": {whiteSpace: "pre-wrap", maxWidth: "60ch"},
  // Marks without the library's images, which the content security policy would have to allow.
  ".cm-lintRange": {backgroundImage: "none", paddingBottom: "0", textDecoration: "underline wavy", textDecorationSkipInk: "none", textUnderlineOffset: "3px"},
  ".cm-lintRange-error": {backgroundImage: "none", textDecorationColor: "var(--bad)"},
  ".cm-lintRange-warning": {backgroundImage: "none", textDecorationColor: "var(--warn)"},
  ".cm-lint-marker": {width: ".6em", height: ".6em", margin: ".4em .1em", borderRadius: "50%"},
  ".cm-lint-marker-error": {content: "normal", backgroundColor: "var(--bad)"},
  ".cm-lint-marker-warning": {content: "normal", backgroundColor: "var(--warn)", borderRadius: "0"},
});

/** @typedef {import("../types/answer.js").Finding} Finding */

/** One editor. */
export class Editor {
  #view;

  /**
   * @param {HTMLElement} parent
   * @param {{label: string, readOnly?: boolean, changed?: () => void}} options
   */
  constructor(parent, {label, readOnly = false, changed = () => {}}) {
    const root = parent.attachShadow({mode: "open"});
    this.#view = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        extensions: [
          lineNumbers(), foldGutter(), codeFolding(), highlightSpecialChars(), history(), drawSelection(), indentOnInput(), bracketMatching(),
          indentUnit.of("  "), yaml(), syntaxHighlighting(colours), look, search({top: true}),
          readOnly ? [] : [lintGutter(), highlightActiveLine()],
          keymap.of([...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...lintKeymap]),
          EditorState.readOnly.of(readOnly),
          EditorView.contentAttributes.of({"aria-label": label, tabindex: "0", ...(readOnly ? {"aria-readonly": "true"} : {})}),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) {
              changed();
            }
          }),
        ],
      }),
    });
  }

  get text() {
    return this.#view.state.doc.toString();
  }

  set text(text) {
    if (text !== this.text) {
      this.#view.dispatch({changes: {from: 0, to: this.#view.state.doc.length, insert: text}});
    }
  }

  focus() {
    this.#view.focus();
  }

  /**
   * Marks the findings under their characters.
   * @param {Finding[]} findings
   */
  mark(findings) {
    const {state} = this.#view;
    const diagnostics = findings.map((f) => {
      const [from, to] = this.#range(f);
      return {
        from, to,
        severity: /** @type {"error" | "warning"} */ (f.severity === "warning" ? "warning" : "error"),
        message: [f.message, f.hint].filter(Boolean).join("\n"),
        source: f.reason,
      };
    });
    this.#view.dispatch(setDiagnostics(state, diagnostics.sort((a, b) => a.from - b.from)));
  }

  /**
   * Puts the cursor on a finding.
   * @param {Finding} finding
   */
  show(finding) {
    const [from] = this.#range(finding);
    this.#view.dispatch({selection: {anchor: from}, effects: EditorView.scrollIntoView(from, {y: "center"})});
    this.#view.focus();
  }

  /**
   * From a finding's character to the end of its word.
   * @param {Finding} finding
   * @returns {[number, number]}
   */
  #range({line: number = 0, column = 0}) {
    const {doc} = this.#view.state;
    const line = doc.line(Math.min(Math.max(number, 1), doc.lines));
    // Columns count characters, the editor UTF-16 units.
    const before = [...line.text].slice(0, Math.max(column - 1, 0)).join("").length;
    const from = Math.min(line.from + before, line.to);
    const word = /^(?:[\w.\-/]+|\S)/u.exec(line.text.slice(from - line.from));
    return [from, Math.min(from + (word?.[0].length ?? 0), line.to)];
  }
}
