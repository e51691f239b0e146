// Every class of filter and every kind of sort, against the same computed here.

import assert from "node:assert/strict"
import { APIErrorCode, collectPaginatedAPI } from "@notionhq/client"
import { refused } from "../world.mjs"

export default async function queries(world) {
  const { notion, tasks, rows, person } = world
  const find = async filter => {
    const args = { data_source_id: tasks.id, filter, page_size: 100 }
    const pages = await collectPaginatedAPI(notion.dataSources.query, args)
    return pages.map(page => page.id).sort()
  }
  const cases = [
    [{ property: "Task", title: { equals: "Task 12" } }, row => row.title === "Task 12"],
    [{ property: "Task", title: { does_not_equal: "Task 12" } }, row => row.title !== "Task 12"],
    [{ property: "Task", title: { starts_with: "Task 24" } }, row => row.title.startsWith("Task 24")],
    [{ property: "Task", title: { ends_with: "7" } }, row => row.title.endsWith("7")],
    [{ property: "Remarks", rich_text: { contains: "Ann" } }, row => row.notes.includes("Ann")],
    [{ property: "Remarks", rich_text: { does_not_contain: "Ann" } }, row => !row.notes.includes("Ann")],
    [{ property: "Remarks", rich_text: { is_empty: true } }, row => row.notes === ""],
    [{ property: "Remarks", rich_text: { is_not_empty: true } }, row => row.notes !== ""],
    [{ property: "Estimate", number: { equals: 6 } }, row => row.estimate === 6],
    [{ property: "Estimate", number: { greater_than: 100 } }, row => row.estimate !== null && row.estimate > 100],
    [{ property: "Estimate", number: { less_than_or_equal_to: 3 } }, row => row.estimate !== null && row.estimate <= 3],
    [{ property: "Estimate", number: { is_empty: true } }, row => row.estimate === null],
    [{ property: "Stage", select: { equals: "Done" } }, row => row.stage === "Done"],
    [{ property: "Stage", select: { equals: ["Done", "Later"] } }, row => ["Done", "Later"].includes(row.stage)],
    [{ property: "Stage", select: { does_not_equal: "Done" } }, row => row.stage !== "Done"],
    [{ property: "Stage", select: { is_empty: true } }, row => row.stage === null],
    [{ property: "State", status: { equals: "Done" } }, row => row.state === "Done"],
    [{ property: "Tags", multi_select: { contains: "b" } }, row => row.tags.includes("b")],
    [{ property: "Tags", multi_select: { does_not_contain: "b" } }, row => !row.tags.includes("b")],
    [{ property: "Due", date: { before: "2026-04-01" } }, row => row.due !== null && row.due < "2026-04-01"],
    [{ property: "Due", date: { on_or_after: "2026-11-15" } }, row => row.due !== null && row.due >= "2026-11-15"],
    [{ property: "Due", date: { equals: "2026-05-15" } }, row => row.due === "2026-05-15"],
    [{ property: "Due", date: { is_empty: true } }, row => row.due === null],
    [{ property: "Due", date: { this_week: {} } }, () => false],
    [{ property: "Owner", people: { contains: person.id } }, row => row.owner.length > 0],
    [{ property: "Owner", people: { is_empty: true } }, row => row.owner.length === 0],
    [{ property: "Files", files: { is_not_empty: true } }, row => row.files.length > 0],
    [{ property: "Urgent", checkbox: { equals: true } }, row => row.urgent],
    [{ property: "Urgent", checkbox: { does_not_equal: true } }, row => !row.urgent],
    [{ property: "Link", url: { is_empty: true } }, row => row.link === null],
    [{ property: "Mail", email: { contains: "someone24" } }, row => row.mail.includes("someone24")],
    [{ property: "Phone", phone_number: { ends_with: "5" } }, row => (row.phone ?? "").endsWith("5")],
    [{ property: "Project", relation: { contains: world.project.id } }, row => row.project],
    [{ property: "Project", relation: { is_empty: true } }, row => !row.project],
    [{ property: "No", unique_id: { less_than: 4 } }, (_, n) => n + 1 < 4],
    [{ property: "Made", created_time: { is_not_empty: true } }, () => true],
    [{ timestamp: "created_time", created_time: { on_or_after: "2000-01-01" } }, () => true],
    [{ timestamp: "last_edited_time", last_edited_time: { before: "2000-01-01" } }, () => false],
    [
      {
        and: [
          { property: "Urgent", checkbox: { equals: true } },
          { or: [{ property: "Stage", select: { equals: "Later" } }, { property: "Tags", multi_select: { is_empty: true } }] },
        ],
      },
      row => row.urgent && (row.stage === "Later" || row.tags.length === 0),
    ],
  ]
  for (const [filter, holds] of cases) {
    const wanted = rows.filter(holds).map(row => row.id).sort()
    assert.deepEqual(await find(filter), wanted, JSON.stringify(filter))
  }
  const deep = { and: [{ or: [{ and: [{ property: "Urgent", checkbox: { equals: true } }] }] }] }
  await refused(find(deep), APIErrorCode.ValidationError)
  await refused(find({ property: "Nowhere", checkbox: { equals: true } }), APIErrorCode.ValidationError, "Nowhere")

  const sorted = async (...sorts) => {
    const args = { data_source_id: tasks.id, sorts, page_size: 100 }
    const pages = await collectPaginatedAPI(notion.dataSources.query, args)
    return pages.map(page => rows.find(row => row.id === page.id))
  }
  // Texts sort by the numbers in them.
  const titles = await sorted({ property: "Task", direction: "ascending" })
  assert.deepEqual(titles.map(row => row.title), rows.map(row => row.title))
  const numbers = (await sorted({ property: "Estimate", direction: "descending" })).map(row => row.estimate)
  const known = numbers.filter(number => number !== null)
  assert.deepEqual(known, [...known].sort((a, b) => b - a))
  // Options in the order of the schema, and the second sort where the first finds no difference.
  const stages = await sorted(
    { property: "Stage", direction: "ascending" },
    { property: "No", direction: "descending" },
  )
  const order = ["Todo", "Done", "Later"]
  const named = stages.filter(row => row.stage !== null)
  for (let at = 1; at < named.length; at++) {
    const [before, after] = [named[at - 1], named[at]].map(row => [order.indexOf(row.stage), -rows.indexOf(row)])
    assert.ok(before[0] < after[0] || (before[0] === after[0] && before[1] < after[1]))
  }
  // Fewer properties, where fewer were asked for.
  const some = await notion.dataSources.query({
    data_source_id: tasks.id,
    filter_properties: [tasks.properties.Estimate.id, tasks.properties.Task.id],
    page_size: 1,
  })
  assert.deepEqual(Object.keys(some.results[0].properties).sort(), ["Estimate", "Task"])

  const found = await notion.search({ query: "Task 249", filter: { property: "object", value: "page" } })
  assert.ok(found.results.some(page => page.id === rows[249].id))
}
