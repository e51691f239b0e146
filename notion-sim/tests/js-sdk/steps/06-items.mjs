// A relation of more than a page shows, read whole item by item.

import assert from "node:assert/strict"
import { collectPaginatedAPI } from "@notionhq/client"

export default async function items(world) {
  const { notion, project, rows } = world
  const many = rows.slice(100, 160).map(row => ({ id: row.id }))
  const update = { page_id: project.id, properties: { Tasks: { relation: many } } }
  const page = await notion.pages.update(update)
  assert.equal(page.properties.Tasks.relation.length, 25)
  assert.equal(page.properties.Tasks.has_more, true)
  const args = { page_id: project.id, property_id: page.properties.Tasks.id, page_size: 25 }
  const found = await collectPaginatedAPI(notion.pages.properties.retrieve, args)
  assert.deepEqual(
    found.map(item => item.relation.id).sort(),
    many.map(item => item.id).sort(),
  )
  // The other side shows the same.
  const mirrored = await notion.pages.retrieve({ page_id: rows[100].id })
  assert.deepEqual(mirrored.properties.Project.relation, [{ id: project.id }])
  const left = await notion.pages.retrieve({ page_id: rows[0].id })
  assert.deepEqual(left.properties.Project.relation, [])
  const estimate = world.tasks.properties.Estimate.id
  const one = await notion.pages.properties.retrieve({ page_id: rows[12].id, property_id: estimate })
  assert.deepEqual([one.object, one.type, one.number], ["property_item", "number", 6])
}
