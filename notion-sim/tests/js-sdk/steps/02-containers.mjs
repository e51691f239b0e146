// Databases, data sources and their schemas.

import assert from "node:assert/strict"
import { APIErrorCode, isFullDatabase, isFullDataSource } from "@notionhq/client"
import { plain, refused, text } from "../world.mjs"

export default async function containers(world) {
  const { notion } = world
  const database = await notion.databases.create({
    parent: { type: "workspace", workspace: true },
    title: text("Projects"),
    description: text("What we work on"),
    icon: { type: "emoji", emoji: "🎯" },
    initial_data_source: { properties: { Name: { title: {} }, Stage: { select: {} } } },
  })
  assert.ok(isFullDatabase(database))
  assert.equal(database.data_sources.length, 1)
  const projects = database.data_sources[0].id

  await notion.databases.update({ database_id: database.id, title: text("All projects"), is_inline: true })
  const read = await notion.databases.retrieve({ database_id: database.id })
  assert.equal(plain(read.title), "All projects")
  assert.equal(read.is_inline, true)

  // A second source in the same database.
  const tasks = await notion.dataSources.create({
    parent: { type: "database_id", database_id: database.id },
    title: text("Tasks"),
    properties: {
      Task: { title: {} },
      Notes: { rich_text: {} },
      Estimate: { number: { format: "number" } },
      Stage: { select: { options: [{ name: "Todo", color: "red" }, { name: "Done", color: "green" }] } },
      Tags: { multi_select: { options: [{ name: "a" }, { name: "b" }] } },
      Due: { date: {} },
      Owner: { people: {} },
      Files: { files: {} },
      Urgent: { checkbox: {} },
      Link: { url: {} },
      Mail: { email: {} },
      Phone: { phone_number: {} },
      State: { status: {} },
      Where: { place: {} },
      No: { unique_id: { prefix: "TSK" } },
      Made: { created_time: {} },
      "Made by": { created_by: {} },
      Edited: { last_edited_time: {} },
      Project: { relation: { data_source_id: projects, dual_property: { synced_property_name: "Tasks" } } },
    },
  })
  assert.ok(isFullDataSource(tasks))
  assert.deepEqual(
    (await notion.databases.retrieve({ database_id: database.id })).data_sources.map(one => one.name).sort(),
    ["All projects", "Tasks"],
  )
  const mirrored = await notion.dataSources.retrieve({ data_source_id: projects })
  assert.equal(mirrored.properties.Tasks.relation.data_source_id, tasks.id)
  assert.equal(mirrored.properties.Tasks.relation.dual_property.synced_property_name, "Project")
  assert.deepEqual(
    tasks.properties.State.status.groups.map(group => group.name),
    ["To-do", "In progress", "Complete"],
  )

  // Add, rename by id, options by id, remove.
  const { Stage, Notes } = tasks.properties
  const [todo] = Stage.select.options
  const altered = await notion.dataSources.update({
    data_source_id: tasks.id,
    properties: {
      [Notes.id]: { name: "Remarks" },
      Extra: { checkbox: {} },
      Stage: { select: { options: [{ id: todo.id }, { name: "Done" }, { name: "Later", color: "blue" }] } },
    },
  })
  assert.equal(altered.properties.Remarks.id, Notes.id)
  assert.equal(altered.properties.Extra.type, "checkbox")
  assert.deepEqual(altered.properties.Stage.select.options.map(option => option.name), ["Todo", "Done", "Later"])
  assert.equal(altered.properties.Stage.select.options[0].id, todo.id)
  const removed = await notion.dataSources.update({ data_source_id: tasks.id, properties: { Extra: null } })
  assert.equal("Extra" in removed.properties, false)

  await refused(
    notion.dataSources.update({ data_source_id: tasks.id, properties: { Task: null } }),
    APIErrorCode.ValidationError,
  )
  await refused(
    notion.databases.retrieve({ database_id: "00000000-0000-4000-8000-000000000000" }),
    APIErrorCode.ObjectNotFound,
    "Could not find database with ID: 00000000-0000-4000-8000-000000000000.",
  )
  Object.assign(world, { database, projects, tasks: removed })
}
