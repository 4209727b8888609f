// SPDX-License-Identifier: MIT
// Validates the documents of a file that are no part of Kubernetes itself by the schemas of npm's @kubernetes-models: node models.mjs FOLDER FILE
// FOLDER has the node_modules. Prints what was validated; exit code 1 with a sentence.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, file] = process.argv.slice(2);
const require = createRequire(folder + "/x.js");
const packages = { "keda.sh/v1alpha1": "@kubernetes-models/keda", "monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator" };
let failed = false;
for (const doc of require("js-yaml").loadAll(readFileSync(file, "utf8"))) {
  const name = doc && packages[doc.apiVersion];
  if (!name) continue;
  const module = await import(pathToFileURL(`${folder}/node_modules/${name}/${doc.apiVersion}/${doc.kind}.js`).href);
  try {
    new module[doc.kind](doc).validate();
    console.log(`${doc.kind} ${doc.metadata.name}`);
  } catch (e) {
    failed = true;
    console.error(`FAILED: ${doc.kind} ${doc.metadata.name}: ${e.message}`);
  }
}
process.exit(failed ? 1 : 0);
