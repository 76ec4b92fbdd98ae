// Makes ../codemirror.js of codemirror.mjs, with the licences of the packages that are in it.

import {readFile} from "node:fs/promises";
import {build} from "esbuild";

const options = {
  entryPoints: ["codemirror.mjs"], outfile: "codemirror.js", bundle: true, minify: true, format: "esm", target: "es2022", metafile: true,
};
const {metafile} = await build({...options, write: false});
const packages = new Set(Object.keys(metafile.inputs).map((name) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(name)?.[1]).filter(Boolean));
const lines = [];
const texts = new Map();
for (const name of [...packages].sort()) {
  const {version} = JSON.parse(await readFile(`node_modules/${name}/package.json`, "utf8"));
  const text = (await readFile(`node_modules/${name}/LICENSE`, "utf8")).trim();
  texts.set(text, [...texts.get(text) ?? [], `${name} ${version}`]);
}
for (const [text, names] of texts) {
  lines.push(`${names.join(", ")}:`, "", text, "");
}
await build({...options, banner: {js: `/*! Made by make page of codemirror.mjs; do not edit.\n\n${lines.join("\n").replaceAll("*/", "* /")}*/`}});
