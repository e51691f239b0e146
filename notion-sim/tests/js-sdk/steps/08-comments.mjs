// Discussions on pages and blocks.

import assert from "node:assert/strict"
import { APIErrorCode, collectPaginatedAPI } from "@notionhq/client"
import { plain, refused, text } from "../world.mjs"

export default async function comments(world) {
  const { notion, rows } = world
  const page_id = rows[5].id
  const first = await notion.comments.create({ parent: { page_id }, rich_text: text("What is this?") })
  const answer = { discussion_id: first.discussion_id, rich_text: text("It is a task.") }
  const second = await notion.comments.create(answer)
  assert.equal(second.discussion_id, first.discussion_id)
  const said = await collectPaginatedAPI(notion.comments.list, { block_id: page_id })
  assert.deepEqual(said.map(comment => plain(comment.rich_text)), ["What is this?", "It is a task."])
  const edited = await notion.comments.update({ comment_id: first.id, rich_text: text("What was this?") })
  assert.equal(plain(edited.rich_text), "What was this?")
  assert.equal((await notion.comments.retrieve({ comment_id: first.id })).id, first.id)
  await notion.comments.delete({ comment_id: second.id })
  await refused(notion.comments.retrieve({ comment_id: second.id }), APIErrorCode.ObjectNotFound)
}
