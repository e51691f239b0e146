// Views: tabs of a database, and what they show.

import assert from "node:assert/strict"
import { APIErrorCode, collectPaginatedAPI, isFullView } from "@notionhq/client"
import { refused } from "../world.mjs"

export default async function views(world) {
  const { notion, database, tasks, rows } = world
  const { Stage, Estimate } = tasks.properties
  const view = await notion.views.create({
    database_id: database.id,
    data_source_id: tasks.id,
    name: "To do",
    type: "board",
    filter: { property: "Stage", select: { equals: "Todo" } },
    sorts: [{ property: "Estimate", direction: "descending" }],
    configuration: { type: "board", group_by: { type: "select", property_id: Stage.id, sort: { type: "manual" } } },
  })
  assert.ok(isFullView(view))
  const { request_id, ...read } = await notion.views.retrieve({ view_id: view.id })
  delete view.request_id
  assert.deepEqual(read, view)
  assert.equal(read.sorts[0].property, Estimate.id)

  const tabs = async () => (await notion.views.list({ database_id: database.id })).results.map(tab => tab.id)
  assert.equal((await tabs()).at(-1), view.id)
  const all = await collectPaginatedAPI(notion.views.list, { data_source_id: tasks.id, page_size: 1 })
  assert.ok(all.some(one => one.id === view.id))

  const wanted = rows.filter(row => row.stage === "Todo").map(row => row.id)
  const query = await notion.views.queries.create({ view_id: view.id, page_size: 20 })
  assert.deepEqual([query.total_count, query.results.length, query.has_more], [wanted.length, 20, true])
  const kept = { view_id: view.id, query_id: query.id }
  const rest = await collectPaginatedAPI(notion.views.queries.results, { ...kept, start_cursor: query.next_cursor })
  const shown = [...query.results, ...rest].map(page => page.id)
  assert.deepEqual([...shown].sort(), [...wanted].sort())
  const estimates = shown.map(id => rows.find(row => row.id === id).estimate).filter(estimate => estimate !== null)
  assert.deepEqual(estimates, [...estimates].sort((one, two) => two - one))
  assert.equal((await notion.views.queries.delete(kept)).deleted, true)
  await refused(notion.views.queries.results(kept), APIErrorCode.ObjectNotFound)

  const changed = await notion.views.update({ view_id: view.id, name: "All", filter: null })
  assert.deepEqual([changed.name, changed.filter, changed.sorts.length], ["All", null, 1])
  assert.equal((await notion.views.queries.create({ view_id: view.id })).total_count, rows.length)
  const later = await notion.views.queries.create({ view_id: view.id })
  await world.advance(15 * 60)
  await refused(
    notion.views.queries.results({ view_id: view.id, query_id: later.id }),
    APIErrorCode.ObjectNotFound,
  )

  assert.equal((await notion.views.delete({ view_id: view.id })).id, view.id)
  await refused(notion.views.retrieve({ view_id: view.id }), APIErrorCode.ObjectNotFound)
  const [last, ...others] = await tabs()
  for (const view_id of others) await notion.views.delete({ view_id })
  await refused(notion.views.delete({ view_id: last }), APIErrorCode.ValidationError, "last view")
}
