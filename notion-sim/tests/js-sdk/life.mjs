// A full life in one workspace, lived by the official SDK, unmodified but for its base URL.
//
//   NOTION_SIM_URL=http://127.0.0.1:PORT NOTION_SIM_TOKEN=… node life.mjs
//
// Prints what each step showed; exit code 1 names the first that did not hold.

import { readdirSync } from "node:fs"
import { World } from "./world.mjs"

const VERSIONS = ["2025-09-03", "2026-03-11"]
const folder = new URL("./steps/", import.meta.url)
const files = readdirSync(folder).filter(name => name.endsWith(".mjs")).sort()

let failed = false
for (const version of VERSIONS) {
  const world = new World(process.env.NOTION_SIM_URL, process.env.NOTION_SIM_TOKEN, version)
  let calls = 0
  for (const file of files) {
    const { default: step } = await import(new URL(file, folder))
    try {
      await step(world)
      console.log(`ok ${version} ${file}: ${world.calls - calls} requests`)
    } catch (error) {
      failed = true
      console.log(`FAILED ${version} ${file}: ${error.stack}`)
      if (error.body) console.log(error.body)
      break
    }
    calls = world.calls
  }
}
process.exitCode = failed ? 1 : 0
