// The cluster that the server was started with: which workloads have which sidecars, and their
// manifests for the editors.

import {cluster} from "./engine.js";
import {element, sentence, table} from "./views.js";

/**
 * Shows the cluster, if there is one.
 * @param {(id: string) => HTMLElement} byID
 * @param {(texts: {pod: string, namespace: string}) => void} open opens a manifest in the editors
 * @param {() => void} changed is told that other templates count now
 */
export function showCluster(byID, open, changed) {
  const name = document.querySelector('meta[name="cluster"]')?.getAttribute("content");
  if (!name) {
    return;
  }
  byID("tab-cluster").hidden = false;
  byID("tab-cluster").textContent = `Cluster ${name}`;
  const says = byID("cluster-says");
  const namespace = /** @type {HTMLInputElement} */ (byID("object-namespace"));
  const object = /** @type {HTMLInputElement} */ (byID("object-name"));

  const read = async () => {
    says.textContent = "The cluster is read …";
    try {
      const fleet = await cluster("fleet");
      byID("fleet").replaceChildren(fleetView(fleet.rows, load), element("h3", {}, "Templates"), templatesView(fleet.templates));
      says.textContent = (fleet.notes ?? []).join(" ");
      changed();
    } catch (error) {
      says.textContent = message(error);
    }
  };

  /**
   * @param {string} in_ the namespace
   * @param {string} what
   */
  const load = async (in_, what) => {
    says.textContent = `${what} is read …`;
    try {
      open(await cluster(`object?namespace=${encodeURIComponent(in_)}&name=${encodeURIComponent(what)}`));
      says.textContent = `${what} is open.`;
    } catch (error) {
      says.textContent = message(error);
    }
  };

  byID("open-object").addEventListener("submit", (event) => {
    event.preventDefault();
    load(namespace.value.trim(), object.value.trim());
  });
  byID("reload-fleet").addEventListener("click", read);
  read();
}

/** @param {unknown} error */
function message(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * @param {import("../types/answer.js").Row[]} rows
 * @param {(namespace: string, what: string) => void} load
 */
function fleetView(rows, load) {
  if (rows.length === 0) {
    return sentence("No workload has sidecars, or asks for any.");
  }
  return table("Sidecars of the cluster, the worst first", ["namespace", "workload", "sidecar", "state", "pods"], rows.map((row) => {
    const what = `${row.kind.toLowerCase()}/${row.name}`;
    const button = element("button", {type: "button"}, what);
    button.addEventListener("click", () => load(row.namespace, what));
    return [row.namespace, button, row.instance ?? "", element("div", {}, row.state, ...row.why ? [element("div", {class: "gets"}, row.why)] : []), String(row.pods)];
  }));
}

/** @param {import("../types/answer.js").ClusterTemplate[]} templates */
function templatesView(templates) {
  return table("Templates that pods of the cluster can ask for", ["template", "namespace", "from", "revision"], templates.map((t) => [
    t.name, t.namespace ?? "", t.source, t.fault ? element("span", {class: "bad"}, t.fault) : t.revision ?? "",
  ]));
}
