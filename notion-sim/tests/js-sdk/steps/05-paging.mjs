// The SDK's helpers over long lists, past a cap too.

import assert from "node:assert/strict"
import { APIErrorCode, collectAllDataSourceRows, iteratePaginatedAPI } from "@notionhq/client"
import { refused } from "../world.mjs"

export default async function paging(world) {
  const { notion, tasks, rows } = world
  const seen = new Set()
  for await (const page of iteratePaginatedAPI(notion.dataSources.query, { data_source_id: tasks.id, page_size: 30 })) {
    seen.add(page.id)
  }
  assert.equal(seen.size, rows.length)

  const cursor = "00000000-0000-4000-8000-000000000000"
  await refused(
    notion.dataSources.query({ data_source_id: tasks.id, start_cursor: cursor }),
    APIErrorCode.ValidationError,
    "start_cursor",
  )

  await world.control("POST", "settings", { result_cap: 100 })
  try {
    let cursor
    let last
    do {
      last = await notion.dataSources.query({ data_source_id: tasks.id, page_size: 60, start_cursor: cursor })
      cursor = last.next_cursor
    } while (last.has_more)
    assert.equal(last.request_status.type, "incomplete")
  } finally {
    await world.control("POST", "settings", { result_cap: 10000 })
  }
  const all = await collectAllDataSourceRows(notion, { data_source_id: tasks.id })
  assert.equal(new Set(all.map(page => page.id)).size, rows.length)
}
