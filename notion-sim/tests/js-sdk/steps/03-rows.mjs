// 250 rows of every writable type, read back as they were written.

import assert from "node:assert/strict"
import { isFullPage } from "@notionhq/client"
import { plain, text } from "../world.mjs"

export const ROWS = 250

/** What row `n` says, so that later steps can compute what a query has to find. */
export function row(n, world) {
  return {
    title: `Task ${n}`,
    notes: n % 5 === 0 ? "" : `note ${n} for ${n % 2 ? "Ann" : "Bob"}`,
    estimate: n % 7 === 0 ? null : n / 2,
    stage: ["Todo", "Done", "Later", null][n % 4],
    tags: [[], ["a"], ["a", "b"]][n % 3],
    due: n % 6 === 0 ? null : `2026-${String(1 + (n % 12)).padStart(2, "0")}-15`,
    owner: n % 4 === 0 ? [world.person.id] : [],
    urgent: n % 2 === 0,
    link: n % 3 === 0 ? null : `https://example.com/${n}`,
    mail: `someone${n}@example.com`,
    phone: n % 9 === 0 ? null : `+41 ${n}`,
    state: ["Not started", "In progress", "Done"][n % 3],
    files: n % 8 === 0 ? [`https://example.com/${n}.pdf`] : [],
    project: n % 10 === 0,
  }
}

export const written = (row, project) => ({
  Task: { title: text(row.title) },
  Remarks: { rich_text: row.notes ? text(row.notes) : [] },
  Estimate: { number: row.estimate },
  Stage: { select: row.stage && { name: row.stage } },
  Tags: { multi_select: row.tags.map(name => ({ name })) },
  Due: { date: row.due && { start: row.due } },
  Owner: { people: row.owner.map(id => ({ id })) },
  Files: { files: row.files.map(url => ({ name: "paper", type: "external", external: { url } })) },
  Urgent: { checkbox: row.urgent },
  Link: { url: row.link },
  Mail: { email: row.mail },
  Phone: { phone_number: row.phone },
  State: { status: { name: row.state } },
  Where: { place: { lat: 46.9, lon: 7.4, name: "Bern", address: "Bern, Switzerland" } },
  Project: { relation: row.project ? [{ id: project }] : [] },
})

/** A page as the same facts. */
export function facts(page) {
  const is = page.properties
  return {
    title: plain(is.Task.title),
    notes: plain(is.Remarks.rich_text),
    estimate: is.Estimate.number,
    stage: is.Stage.select?.name ?? null,
    tags: is.Tags.multi_select.map(option => option.name),
    due: is.Due.date?.start ?? null,
    owner: is.Owner.people.map(person => person.id),
    urgent: is.Urgent.checkbox,
    link: is.Link.url,
    mail: is.Mail.email,
    phone: is.Phone.phone_number,
    state: is.State.status.name,
    files: is.Files.files.map(file => file.external.url),
    project: is.Project.relation.length > 0,
  }
}

export default async function rows(world) {
  const { notion, tasks, projects } = world
  const parent = { type: "data_source_id", data_source_id: tasks.id }
  const project = await notion.pages.create({
    parent: { type: "data_source_id", data_source_id: projects },
    properties: { Name: { title: text("The one project") } },
  })
  world.rows = []
  for (let n = 0; n < ROWS; n++) {
    const wanted = row(n, world)
    const page = await notion.pages.create({ parent, properties: written(wanted, project.id) })
    assert.ok(isFullPage(page))
    assert.deepEqual(facts(page), wanted)
    assert.equal(page.properties.No.unique_id.number, n + 1)
    assert.equal(page.properties.Where.place.name, "Bern")
    world.rows.push({ id: page.id, ...wanted })
  }
  const seventh = world.rows[7]
  const read = await notion.pages.retrieve({ page_id: seventh.id })
  assert.deepEqual(facts(read), row(7, world))

  // Cleared, each by its own kind of nothing.
  const cleared = await notion.pages.update({
    page_id: seventh.id,
    properties: {
      Remarks: { rich_text: [] },
      Estimate: { number: null },
      Stage: { select: null },
      Tags: { multi_select: [] },
      Due: { date: null },
      Link: { url: null },
      Phone: { phone_number: null },
    },
  })
  const { notes, estimate, stage, tags, due, link, phone } = facts(cleared)
  assert.deepEqual([notes, estimate, stage, tags, due, link, phone], ["", null, null, [], null, null, null])
  await notion.pages.update({ page_id: seventh.id, properties: written(row(7, world), project.id) })

  // An unknown option of a select is made, and a date keeps its offset.
  const dated = await notion.pages.update({
    page_id: world.rows[8].id,
    properties: { Due: { date: { start: "2026-06-15T10:30:00+02:00", end: "2026-06-16T10:30:00+02:00" } } },
  })
  assert.equal(dated.properties.Due.date.start, "2026-06-15T10:30:00.000+02:00")
  assert.equal(dated.properties.Due.date.time_zone, null)
  await notion.pages.update({ page_id: world.rows[8].id, properties: { Due: { date: { start: row(8, world).due } } } })
  world.project = project
}
