// What an answer looks like. Texts of an answer become text nodes, never markup.

/** @typedef {import("../types/answer.js").Answer} Answer */
/** @typedef {import("../types/answer.js").Finding} Finding */
/** @typedef {import("../types/answer.js").Pod} Pod */

/**
 * An element with attributes and children; strings become text.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} [attributes]
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/**
 * A unified diff, line by line.
 * @param {string} diff
 */
export function diffView(diff) {
  if (diff === "") {
    return element("p", {}, "Nothing changes.");
  }
  const lines = diff.replace(/\n$/, "").split("\n").map((line) => {
    let kind = "";
    if (line.startsWith("@@") || line.startsWith("--- ") || line.startsWith("+++ ")) {
      kind = "hunk";
    } else if (line.startsWith("+")) {
      kind = "added";
    } else if (line.startsWith("-")) {
      kind = "removed";
    }
    return element("span", kind ? {class: kind} : {}, line);
  });
  return element("div", {class: "code", role: "group", "aria-label": "Unified diff"}, ...lines);
}

/** What the texts are called on the page. */
export const names = /** @type {Record<string, string>} */ ({"pod.yaml": "pod", "namespace.yaml": "namespace", "templates.yaml": "templates"});

/**
 * One finding, which leads to its place.
 * @param {Finding} finding
 * @param {() => void} show
 */
export function findingView(finding, show) {
  const at = finding.line ? `${names[finding.file]} ${finding.line}:${finding.column ?? 1} ` : `${names[finding.file]} `;
  const button = element("button", {type: "button"}, element("span", {class: "at"}, at), finding.message);
  if (finding.reason) {
    button.append(" ", element("span", {class: "at"}, `[${finding.reason}]`));
  }
  if (finding.hint) {
    button.append(element("span", {class: "hint"}, finding.hint));
  }
  button.addEventListener("click", show);
  return element("li", {class: finding.severity}, button);
}

/**
 * The outcome in a sentence, and how it is to be taken.
 * @param {Answer} answer
 * @returns {[string, string]}
 */
export function verdict(answer) {
  if (answer.error) {
    return [answer.error, "bad"];
  }
  const pod = answer.pods?.[0];
  if (!pod) {
    return [answer.findings?.length ? "No answer: the texts have faults." : "The text holds no pod and no workload.", "bad"];
  }
  const kinds = /** @type {Record<string, string>} */ ({injected: "good", unchanged: "good", refused: "bad", error: "bad"});
  return [`${pod.title}: ${pod.outcome} (${pod.reason})`, kinds[pod.outcome] ?? "warn"];
}
