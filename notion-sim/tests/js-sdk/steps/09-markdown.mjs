// Bodies as Markdown: made, read, edited in each of the four ways, and by tasks.

import assert from "node:assert/strict"
import { APIErrorCode } from "@notionhq/client"
import { refused, text, title } from "../world.mjs"

export default async function markdown(world) {
  const { notion, tasks } = world
  const parent = { data_source_id: tasks.id }
  const made = await notion.pages.create({
    parent,
    markdown: "# Written\n\nfirst\n\n- one\n\t- within\n\n```js\nlet x\n```\n\n*slanted* and **bold**",
  })
  assert.equal(title(made), "Written")
  const page_id = made.id
  const read = async () => (await notion.pages.retrieveMarkdown({ page_id })).markdown
  const whole = await notion.pages.retrieveMarkdown({ page_id })
  assert.deepEqual([whole.object, whole.id, whole.truncated], ["page_markdown", page_id, false])
  assert.deepEqual(whole.unknown_block_ids, [])
  assert.equal(whole.markdown, "first\n- one\n\t- within\n```javascript\nlet x\n```\n_slanted_ and **bold**")
  const { results } = await notion.blocks.children.list({ block_id: page_id })
  assert.deepEqual(results.map(block => block.type), ["paragraph", "bulleted_list_item", "code", "paragraph"])
  const alone = await notion.pages.retrieveMarkdown({ page_id: results[1].id })
  assert.equal(alone.markdown, "- one\n\t- within")

  const edit = (type, command, more) => notion.pages.updateMarkdown({ page_id, type, [type]: command, ...more })
  const replaced = await edit("replace_content", { new_str: "alpha\nbeta\ngamma" })
  assert.equal(replaced.markdown, "alpha\nbeta\ngamma")
  const ids = async () => (await notion.blocks.children.list({ block_id: page_id })).results.map(block => block.id)
  const [, , gamma] = await ids()
  await edit("update_content", { content_updates: [{ old_str: "alpha\nbeta", new_str: "beta" }] })
  await edit("insert_content", { content: "behind", after: "beta" })
  await edit("insert_content", { content: "on top", position: { type: "start" } })
  assert.equal(await read(), "on top\nbeta\nbehind\ngamma")
  await edit("replace_content_range", { content: "between", content_range: "beta...behind" })
  assert.equal(await read(), "on top\nbetween\ngamma")
  assert.equal((await ids())[2], gamma)

  const absent = { content_updates: [{ old_str: "not there", new_str: "x" }] }
  const missing = await refused(edit("update_content", absent), APIErrorCode.ValidationError, "No matches found")
  await refused(notion.pages.retrieveMarkdown({ page_id: world.database.id }), APIErrorCode.ValidationError)
  const child = await notion.pages.create({ parent: { page_id }, properties: { title: { title: text("Child") } } })
  await refused(edit("replace_content", { new_str: "" }), APIErrorCode.ValidationError, "1 child page(s)")
  await edit("replace_content", { new_str: "", allow_deleting_content: true })
  assert.equal((await notion.pages.retrieve({ page_id: child.id })).in_trash, true)

  // What takes its time.
  const tell = task => notion.asyncTasks.retrieve({ task_id: task.id })
  const later = { allow_async: true }
  const begun = await edit("replace_content", { new_str: "in time" }, later)
  assert.deepEqual([begun.object, begun.status, (await tell(begun)).status], ["async_task", "queued", "queued"])
  const failing = await edit("update_content", absent, later)
  const born = await notion.pages.create({ parent, markdown: "# Born later\nbody", ...later })
  await world.advance(begun.poll_after_seconds)
  const done = await tell(begun)
  assert.deepEqual([done.status, done.result.markdown], ["succeeded", "in time"])
  const failed = await tell(failing)
  assert.deepEqual([failed.status, failed.error.message], ["failed", missing.message])
  const { result } = await tell(born)
  assert.equal(title(await notion.pages.retrieve({ page_id: result.id })), "Born later")
  await notion.pages.update({ page_id, in_trash: true })
  await notion.pages.update({ page_id: result.id, in_trash: true })
}
