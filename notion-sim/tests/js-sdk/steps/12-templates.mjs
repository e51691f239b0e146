// Templates: listed, and pages made from them.

import assert from "node:assert/strict"
import { APIErrorCode, collectDataSourceTemplates } from "@notionhq/client"
import { plain, refused, text, title } from "../world.mjs"

export default async function templates(world) {
  const { notion, projects } = world
  const data_source_id = projects
  const template = (name, more) =>
    world.control("POST", "templates", {
      data_source_id,
      properties: { Name: { title: text(name) } },
      children: [{ heading_2: { rich_text: text(`${name}'s steps`) } }],
      ...more,
    })
  const { id: launch } = await template("Launch", { is_default: true, icon: { emoji: "🚀" } })
  const { id: survey } = await template("Survey")
  const first = await notion.dataSources.listTemplates({ data_source_id, page_size: 1 })
  assert.deepEqual(first.templates, [{ id: launch, name: "Launch", is_default: true }])
  assert.equal(first.has_more, true)
  const all = await collectDataSourceTemplates(notion, { data_source_id, page_size: 1 })
  assert.deepEqual(all.map(one => one.id), [launch, survey])
  const named = await notion.dataSources.listTemplates({ data_source_id, name: "surv" })
  assert.deepEqual(named.templates.map(one => one.name), ["Survey"])

  const from = (template, properties = {}) =>
    notion.pages.create({ parent: { data_source_id }, properties, template })
  const usual = await from({ type: "default" })
  const other = await from({ type: "template_id", template_id: survey }, { Name: { title: text("My survey") } })
  assert.equal(title(usual), "")
  await world.advance(2)
  const filled = await notion.pages.retrieve({ page_id: usual.id })
  assert.deepEqual([title(filled), filled.icon.emoji], ["Launch", "🚀"])
  assert.equal(title(await notion.pages.retrieve({ page_id: other.id })), "My survey")
  const { results } = await notion.blocks.children.list({ block_id: other.id })
  assert.deepEqual(results.map(block => plain(block.heading_2.rich_text)), ["Survey's steps"])

  await refused(
    from({ type: "template_id", template_id: "00000000-0000-4000-8000-000000000000" }),
    APIErrorCode.ValidationError,
  )
  const both = { parent: { data_source_id }, properties: {}, template: { type: "default" }, markdown: "words" }
  await refused(notion.pages.create(both), APIErrorCode.ValidationError, "body.markdown")
}
