// Blocks of every kind a request can make.

import assert from "node:assert/strict"
import { APIErrorCode, collectPaginatedAPI, isFullBlock } from "@notionhq/client"
import { plain, refused, text } from "../world.mjs"

const rich = content => ({ rich_text: text(content) })
const cell = content => text(content)

const KINDS = [
  { paragraph: { ...rich("a paragraph"), color: "blue_background" } },
  { heading_1: rich("one") },
  { heading_2: rich("two") },
  { heading_3: { ...rich("three"), is_toggleable: true, children: [{ paragraph: rich("inside") }] } },
  { bulleted_list_item: { ...rich("a point"), children: [{ bulleted_list_item: rich("below it") }] } },
  { numbered_list_item: rich("first") },
  { to_do: { ...rich("to be done"), checked: true } },
  { toggle: { ...rich("open me"), children: [{ paragraph: rich("hidden") }] } },
  { quote: rich("said somebody") },
  { callout: { ...rich("mind this"), icon: { type: "emoji", emoji: "💡" } } },
  { code: { ...rich("let x = 1"), language: "rust" } },
  { equation: { expression: "e = mc^2" } },
  { divider: {} },
  { breadcrumb: {} },
  { table_of_contents: {} },
  { bookmark: { url: "https://example.com" } },
  { embed: { url: "https://example.com/embed" } },
  { image: { type: "external", external: { url: "https://example.com/a.png" } } },
  { video: { type: "external", external: { url: "https://example.com/a.mp4" } } },
  { pdf: { type: "external", external: { url: "https://example.com/a.pdf" } } },
  { audio: { type: "external", external: { url: "https://example.com/a.mp3" } } },
  { file: { type: "external", external: { url: "https://example.com/a.zip" } } },
  {
    column_list: {
      children: ["left", "right"].map(side => ({ column: { children: [{ paragraph: rich(side) }] } })),
    },
  },
  {
    table: {
      table_width: 2,
      has_column_header: true,
      children: [["a", "b"], ["c", "d"]].map(cells => ({ table_row: { cells: cells.map(cell) } })),
    },
  },
  { synced_block: { synced_from: null, children: [{ paragraph: rich("shown twice") }] } },
]

export default async function bodies(world) {
  const { notion, rows } = world
  const page = rows[3].id
  const kind = block => Object.keys(block)[0]
  const appended = await notion.blocks.children.append({ block_id: page, children: KINDS })
  assert.deepEqual(appended.results.map(block => block.type), KINDS.map(kind))
  const listed = await collectPaginatedAPI(notion.blocks.children.list, { block_id: page, page_size: 10 })
  assert.deepEqual(listed.map(block => block.type), KINDS.map(kind))
  assert.ok(listed.every(isFullBlock))
  const of = type => listed.find(block => block.type === type)
  assert.equal(of("column_list").has_children, true)
  const below = await notion.blocks.children.list({ block_id: of("bulleted_list_item").id })
  assert.equal(plain(below.results[0].bulleted_list_item.rich_text), "below it")
  const cells = await notion.blocks.children.list({ block_id: of("table").id })
  assert.deepEqual(cells.results.map(row => row.table_row.cells.map(plain)), [["a", "b"], ["c", "d"]])

  const edited = await notion.blocks.update({ block_id: of("to_do").id, to_do: { ...rich("done"), checked: false } })
  assert.deepEqual([plain(edited.to_do.rich_text), edited.to_do.checked], ["done", false])
  const copy = { synced_block: { synced_from: { block_id: of("synced_block").id } } }
  const [shown] = (await notion.blocks.children.append({ block_id: page, children: [copy] })).results
  assert.equal(shown.synced_block.synced_from.block_id, of("synced_block").id)

  // Behind a block that is named, in the words of the version.
  const place = world.isNew
    ? { position: { type: "after_block", after_block: { id: listed[0].id } } }
    : { after: listed[0].id }
  await notion.blocks.children.append({ block_id: page, children: [{ paragraph: rich("second") }], ...place })
  const again = await notion.blocks.children.list({ block_id: page })
  assert.equal(plain(again.results[1].paragraph.rich_text), "second")

  const trashed = await notion.blocks.delete({ block_id: of("divider").id })
  assert.equal(trashed.in_trash, true)
  assert.equal("archived" in trashed, !world.isNew)
  const left = await collectPaginatedAPI(notion.blocks.children.list, { block_id: page })
  assert.equal(left.some(block => block.id === trashed.id), false)
  const back = world.isNew ? { in_trash: false } : { archived: false }
  assert.equal((await notion.blocks.update({ block_id: trashed.id, ...back })).in_trash, false)
  await refused(
    notion.blocks.children.append({ block_id: page, children: [{ paragraph: { rich_text: text("x".repeat(2001)) } }] }),
    APIErrorCode.ValidationError,
    "2000",
  )
}
