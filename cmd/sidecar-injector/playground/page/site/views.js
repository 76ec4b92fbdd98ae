// What an answer looks like. Texts of an answer become text nodes, never markup.

/** @typedef {import("../types/answer.js").Answer} Answer */
/** @typedef {import("../types/answer.js").Finding} Finding */
/** @typedef {import("../types/answer.js").Pod} Pod */
/** @typedef {import("../types/answer.js").Rule} Rule */
/** @typedef {import("../types/answer.js").Instance} Instance */

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

/** @param {string} sentence */
export function sentence(sentence) {
  return element("p", {class: "empty"}, sentence);
}

/**
 * A unified diff, line by line.
 * @param {Answer} answer
 */
export function diffView({diff = "", pods = []}) {
  if (pods.length === 0) {
    return sentence("No pod, no diff.");
  }
  if (diff === "") {
    return sentence(pods.some((pod) => pod.outcome === "refused") ? "A refused pod is not changed." : "Nothing changes.");
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
  return element("div", {class: "code", role: "group", "aria-label": "Unified diff", tabindex: "0"}, ...lines);
}

/** What the texts are called on the page. */
const names = /** @type {Record<string, string>} */ ({"pod.yaml": "pod", "namespace.yaml": "namespace", "templates.yaml": "templates"});

/**
 * One finding, which leads to its place.
 * @param {Finding} finding
 * @param {() => void} show
 */
export function findingView(finding, show) {
  const at = finding.line ? `${names[finding.file]} ${finding.line}:${finding.column ?? 1}` : names[finding.file];
  const button = element("button", {type: "button"}, element("span", {class: "at"}, at), " ", finding.message);
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
 * @param {Pod | undefined} pod
 * @returns {[string, string]}
 */
export function verdict(answer, pod) {
  if (answer.error) {
    return [answer.error, "bad"];
  }
  if (!pod) {
    return [answer.findings?.length ? "There is no answer before the faults are mended." : "The text holds no pod, and nothing that makes pods.", "bad"];
  }
  const kinds = /** @type {Record<string, string>} */ ({injected: "good", unchanged: "good", refused: "bad", error: "bad"});
  return [pod.verdict, kinds[pod.outcome] ?? "warn"];
}

/**
 * Why the pod has the containers that it has.
 * @param {Pod} pod
 */
export function explanationView(pod) {
  const {explanation: e} = pod;
  /** @type {Node[]} */
  const parts = [];
  if (e.containers?.length && pod.outcome !== "refused") {
    let number = 0;
    parts.push(table("Containers, in the pod's order", ["READY", "container", "kind", "from"], e.containers.map((c) => [
      c.counts ? String(++number) : "–",
      element("div", {}, element("b", {}, c.name), ...(c.gets ?? []).map((got) => element("div", {class: "gets"}, `+ ${got}`))),
      kind(c),
      c.instance ?? "the pod's own",
    ])));
  }
  if (e.rules?.length) {
    parts.push(element("h3", {}, "The pod"), rules(e.rules));
  }
  parts.push(...(e.instances ?? []).map(instanceView));
  parts.push(...list("The pod itself gets", e.podGets), ...list("Warnings", e.warnings));
  if (e.remedies?.length) {
    parts.push(element("h3", {}, "To mend it"), ...e.remedies.map((r) => element("div", {class: "remedy"}, r.text,
      ...(r.lines?.length ? [element("pre", {}, r.lines.join("\n"))] : []),
      ...(r.command ? [element("pre", {}, r.command)] : []))));
  }
  return element("div", {class: "prose"}, ...parts);
}

/** @param {import("../types/answer.js").Container} c */
function kind(c) {
  const texts = /** @type {Record<string, string>} */ ({sidecar: "native sidecar", container: "sidecar", "init container": "init, ends", app: "app"});
  return texts[c.role] ?? c.role;
}

/** @param {Instance} in_ */
function instanceView(in_) {
  const template = `template ${in_.template}${in_.revision ? `@${in_.revision}` : ""}${in_.origin ? ` (${in_.origin})` : ""}`;
  /** @type {Node[]} */
  const parts = [element("h3", {}, in_.name, " ", element("small", {}, `${in_.outcome}, ${template}`))];
  if (in_.description) {
    parts.push(element("p", {}, in_.description));
  }
  if (in_.rules?.length) {
    parts.push(rules(in_.rules));
  }
  if (in_.parameters?.length) {
    parts.push(table(`Parameters of ${in_.name}`, ["parameter", "value", "from"], in_.parameters.map((p) => [p.name, code(p.value), p.at ? `${p.origin}, ${p.at}` : p.origin])));
  }
  parts.push(...list("Notes", [...in_.notes ?? [], ...in_.apart ?? [], ...in_.outdated ? [in_.outdated] : []]));
  return element("section", {}, ...parts);
}

/** @param {Rule[]} all */
function rules(all) {
  return element("ol", {class: "rules"}, ...all.map((r) => element("li", {class: r.passed ? "good" : "bad"},
    element("span", {class: "sign", "aria-hidden": "true"}, r.passed ? "✓" : "✗"),
    element("span", {class: "hidden"}, r.passed ? "passed: " : "not passed: "),
    element("span", {}, ...(r.passed ? [r.text] : [element("b", {}, r.reason), `: ${r.text}`])))));
}

/**
 * @param {string} title
 * @param {string[] | undefined} items
 */
function list(title, items) {
  return items?.length ? [element("h4", {}, title), element("ul", {}, ...items.map((item) => element("li", {}, item)))] : [];
}

/** @param {string} text */
function code(text) {
  return element("code", {}, text === "" ? "\"\"" : text);
}

/**
 * @param {string} caption
 * @param {string[]} heads
 * @param {(Node | string)[][]} rows
 */
export function table(caption, heads, rows) {
  return element("div", {class: "table", role: "group", "aria-label": caption, tabindex: "0"}, element("table", {},
    element("caption", {class: "hidden"}, caption),
    element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", {scope: "col"}, head)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cell)))))));
}

/**
 * What the variables and expressions of each sidecar's template come to.
 * @param {Pod} pod
 * @param {import("../types/answer.js").Limits} limits
 */
export function valuesView(pod, limits) {
  if (!pod.values?.length) {
    return sentence("No template is rendered for this pod.");
  }
  return element("div", {class: "prose"}, ...pod.values.flatMap((v) => [
    element("h3", {}, v.instance, " ", element("small", {}, `template ${v.template}, ${units(v.cost)} of ${units(limits.instance)} CEL units`)),
    table(`Variables of ${v.instance}`, ["variable", "value"], v.variables.map((of) => [code(of.name), of.message ? element("span", {class: "bad"}, of.message) : value(of.value)])),
    table(`Expressions of ${v.instance}`, ["expression", "value", "cost"], v.expressions.map((x) => [
      element("div", {}, code(x.source), element("div", {class: "gets"}, x.path + (x.line ? `, line ${x.line}` : ""))),
      x.message ? element("span", {class: "bad"}, x.message) : value(x.value),
      element("div", {class: "number"}, units(x.cost)),
    ])),
  ]));
}

/** @param {number} n */
function units(n) {
  return n.toLocaleString("en");
}

/** @param {unknown} of */
function value(of) {
  if (of === null || of === undefined) {
    return element("i", {}, "none");
  }
  const text = JSON.stringify(of);
  if (text.length <= 120) {
    return code(text);
  }
  return element("details", {}, element("summary", {}, code(text.slice(0, 80) + "…")), element("pre", {}, JSON.stringify(of, null, 2)));
}
