// Says the version of Node and of a package: node version.mjs PACKAGE.

import { readFileSync } from "node:fs";

const [name] = process.argv.slice(2);
const description = new URL(`node_modules/${name}/package.json`, import.meta.url);
const { version } = JSON.parse(readFileSync(description, "utf8"));
console.log(`${name} ${version}, Node ${process.version}`);
