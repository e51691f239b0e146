// Trash, restore, move.

import assert from "node:assert/strict"
import { APIErrorCode } from "@notionhq/client"
import { refused, text } from "../world.mjs"

export default async function lives(world) {
  const { notion, rows, tasks, projects } = world
  const [one, two] = rows.slice(-2)
  const there = async id => {
    const filter = { property: "Task", title: { equals: rows.find(row => row.id === id).title } }
    const found = await notion.dataSources.query({ data_source_id: tasks.id, filter })
    return found.results.length
  }
  const trash = world.isNew ? flag => ({ in_trash: flag }) : flag => ({ archived: flag })
  const trashed = await notion.pages.update({ page_id: one.id, ...trash(true) })
  assert.equal(trashed.in_trash, true)
  assert.equal(await there(one.id), 0)
  await refused(
    notion.pages.update({ page_id: one.id, properties: { Estimate: { number: 1 } } }),
    APIErrorCode.ValidationError,
  )
  assert.equal((await notion.pages.update({ page_id: one.id, ...trash(false) })).in_trash, false)
  assert.equal(await there(one.id), 1)

  const moved = await notion.pages.move({
    page_id: two.id,
    parent: { type: "data_source_id", data_source_id: projects },
  })
  assert.equal(moved.id, two.id)
  assert.equal(await there(two.id), 0)
  assert.equal((await notion.pages.retrieve({ page_id: two.id })).parent.data_source_id, projects)

  await world.control("POST", "share", { id: one.id, shared: false })
  const error = await refused(notion.pages.retrieve({ page_id: one.id }), APIErrorCode.ObjectNotFound)
  assert.equal(error.status, 404)
  await world.control("POST", "share", { id: one.id, shared: true })
  await notion.databases.update({ database_id: world.database.id, title: text("Projects"), in_trash: true })
  await notion.databases.update({ database_id: world.database.id, in_trash: false })
}
