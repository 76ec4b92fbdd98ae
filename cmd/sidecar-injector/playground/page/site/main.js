// The page: what stands in the editors is answered while it is typed.

import {showCluster} from "./cluster.js";
import {Editor} from "./editor.js";
import {newEngine, served} from "./engine.js";
import {decode, encode, LinkError} from "./share.js";
import {select, tabs} from "./tabs.js";
import {diffView, element, explanationView, findingView, sentence, valuesView, verdict} from "./views.js";

/** How long typing has to pause before it is answered, in milliseconds. */
const pause = 120;

/** @param {string} id */
const byID = (id) => {
  const found = document.getElementById(id);
  if (!found) {
    throw new Error(`no element ${id}`);
  }
  return found;
};

const inputs = {
  pod: new Editor(byID("edit-pod"), {label: "Pod or workload, as YAML", changed}),
  namespace: new Editor(byID("edit-namespace"), {label: "Namespace, as YAML", changed}),
  templates: new Editor(byID("edit-templates"), {label: "Templates, as YAML", changed}),
};
const patch = new Editor(byID("show-patch"), {label: "JSON patch", readOnly: true});
const step = new Editor(byID("show-step"), {label: "The pod, as YAML", readOnly: true});
const which = /** @type {HTMLSelectElement} */ (byID("which"));
const steps = /** @type {HTMLSelectElement} */ (byID("step"));
tell("The engine starts …", "");
const engine = newEngine((sentence) => tell(sentence, ""));

for (const list of document.querySelectorAll('[role="tablist"]')) {
  tabs(/** @type {HTMLElement} */ (list));
}

function texts() {
  return {pod: inputs.pod.text, namespace: inputs.namespace.text, templates: inputs.templates.text};
}

let timer = 0;
let asking = false, stale = false;

function changed() {
  clearTimeout(timer);
  timer = setTimeout(ask, pause);
}

/** Asks for an answer; while one is awaited, only the newest texts are kept in mind. */
async function ask() {
  if (asking) {
    stale = true;
    return;
  }
  asking = true;
  const begin = performance.now();
  try {
    show(await engine.answer({...texts(), steps: !byID("panel-steps").hidden}));
  } catch (error) {
    show({error: error instanceof Error ? error.message : String(error)});
  }
  performance.measure("answer", {start: begin});
  asking = false;
  if (stale) {
    stale = false;
    ask();
  }
}

/**
 * @param {string} sentence
 * @param {string} kind
 */
function tell(sentence, kind) {
  const at = byID("verdict");
  if (at.textContent !== sentence) { // said once, not at each key
    at.textContent = sentence;
  }
  at.className = kind;
}

/** @type {import("../types/answer.js").Answer} */
let shown = {};

/** @param {import("../types/answer.js").Answer} answer */
function show(answer) {
  shown = answer;
  const findings = answer.findings ?? [];
  for (const [name, editor] of Object.entries(inputs)) {
    const mine = findings.filter((f) => f.file === `${name}.yaml`);
    editor.mark(mine);
    count(byID(`tab-${name}`), mine.length);
  }
  byID("findings").replaceChildren(...findings.map((f) => findingView(f, () => {
    const name = /** @type {keyof typeof inputs} */ (f.file.replace(".yaml", ""));
    select(byID(`tab-${name}`));
    inputs[name].show(f);
  })));
  byID("panel-diff").replaceChildren(diffView(answer));
  options(which, (answer.pods ?? []).map((pod) => pod.title));
  byID("choose").hidden = (answer.pods ?? []).length < 2;
  showPod();
}

/** Shows the pod that is chosen. */
function showPod() {
  const pod = shown.pods?.[Math.max(which.selectedIndex, 0)];
  tell(...verdict(shown, pod));
  byID("panel-why").replaceChildren(pod ? explanationView(pod) : sentence("No pod, nothing to explain."));
  byID("panel-values").replaceChildren(pod && shown.limits ? valuesView(pod, shown.limits) : sentence("No pod, no values."));
  patch.text = pod?.patch ?? "";
  const all = pod?.steps ?? [];
  options(steps, all.map((s) => s.instance ? `after ${s.instance}` : "as it came"), all.length - 1);
  showStep();
}

function showStep() {
  const pod = shown.pods?.[Math.max(which.selectedIndex, 0)];
  step.text = pod?.steps?.[Math.max(steps.selectedIndex, 0)]?.yaml ?? "";
}

which.addEventListener("change", showPod);
byID("tab-steps").addEventListener("select", ask);
steps.addEventListener("change", showStep);

/**
 * Fills a select; what was chosen stays, where it is still there.
 * @param {HTMLSelectElement} select
 * @param {string[]} texts
 * @param {number} [first] what is chosen otherwise
 */
function options(select, texts, first = 0) {
  if (texts.length === select.length && texts.every((text, i) => select.options[i].text === text)) {
    return;
  }
  const before = texts.indexOf(select.selectedOptions[0]?.text ?? "");
  select.replaceChildren(...texts.map((text) => element("option", {}, text)));
  select.selectedIndex = before < 0 ? first : before;
}

/**
 * @param {HTMLElement} tab
 * @param {number} number
 */
function count(tab, number) {
  tab.querySelector(".count")?.remove();
  if (number > 0) {
    tab.append(element("span", {class: "count"}, ` ${number}`));
  }
}

/** @param {string} sentence */
function notice(sentence) {
  byID("notice").textContent = sentence;
}

/** @param {{pod: string, namespace: string, templates: string}} texts */
function open(texts) {
  inputs.pod.text = texts.pod;
  inputs.namespace.text = texts.namespace;
  inputs.templates.text = texts.templates;
  changed();
}

/** Opens what the address holds; false if it holds nothing that can be opened. */
async function openLink() {
  try {
    const texts = await decode(location.hash);
    if (texts) {
      open(texts);
    }
    return texts !== null;
  } catch (error) {
    if (!(error instanceof LinkError)) {
      throw error;
    }
    notice(error.message);
    return false;
  }
}

byID("share").addEventListener("click", async () => {
  try {
    history.replaceState(null, "", await encode(texts()));
  } catch (error) {
    notice(error instanceof Error ? error.message : String(error));
    return;
  }
  const what = `It holds your texts, and sends them to nobody.${served ? " It works on this machine, until the playground ends." : ""}`;
  try {
    await navigator.clipboard.writeText(location.href);
    notice(`The link is copied. ${what}`);
  } catch {
    notice(`The link is in the address bar. ${what}`);
  }
});

addEventListener("hashchange", () => openLink());

async function start() {
  const response = await fetch("catalogue.json");
  const catalogue = await response.json();
  const examples = /** @type {HTMLSelectElement} */ (byID("example"));
  catalogue.examples.forEach((/** @type {{title: string}} */ example, /** @type {number} */ i) => examples.append(element("option", {value: String(i)}, example.title)));
  examples.addEventListener("change", () => {
    notice("");
    open(catalogue.examples[Number(examples.value)]);
  });
  const builtIn = /** @type {HTMLSelectElement} */ (byID("built-in"));
  catalogue.templates.forEach((/** @type {{name: string}} */ template, /** @type {number} */ i) => builtIn.append(element("option", {value: String(i)}, template.name)));
  builtIn.addEventListener("change", () => {
    const {text} = catalogue.templates[Number(builtIn.value)];
    builtIn.value = "";
    const before = inputs.templates.text.trimEnd();
    inputs.templates.text = before === "" ? text : `${before}\n---\n${text}`;
    inputs.templates.focus();
  });
  if (!await openLink()) {
    open(catalogue.examples[0]);
  }
}

start().catch((error) => tell(`The page could not start: ${error.message}. Reload it.`, "bad"));
showCluster(byID, ({pod, namespace}) => {
  open({pod, namespace, templates: inputs.templates.text});
  select(byID("tab-pod"));
}, changed);
