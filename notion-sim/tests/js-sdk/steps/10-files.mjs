// Files: sent in one part and in several, put everywhere a file can be, and fetched while their addresses last.

import assert from "node:assert/strict"
import { APIErrorCode, collectPaginatedAPI } from "@notionhq/client"
import { refused, text } from "../world.mjs"

const PART = 5 * 1024 * 1024

async function fetched(url) {
  const answer = await fetch(url)
  return [answer.status, await answer.text()]
}

export default async function files(world) {
  const { notion, rows } = world
  const made = await notion.fileUploads.create({ filename: "picture.png" })
  assert.deepEqual([made.object, made.status, made.content_type], ["file_upload", "pending", "image/png"])
  const file = { filename: "picture.png", data: new Blob(["a picture"], { type: "image/png" }) }
  const sent = await notion.fileUploads.send({ file_upload_id: made.id, file })
  assert.deepEqual([sent.status, sent.content_length], ["uploaded", 9])

  const long = await notion.fileUploads.create({
    mode: "multi_part",
    filename: "film.mp4",
    content_type: "video/mp4",
    number_of_parts: 2,
  })
  const part = (number, data) =>
    notion.fileUploads.send({
      file_upload_id: long.id,
      part_number: `${number}`,
      file: { filename: "film.mp4", data: new Blob([data], { type: "video/mp4" }) },
    })
  await part(2, "the end")
  const complete = () => notion.fileUploads.complete({ file_upload_id: long.id })
  await refused(complete(), APIErrorCode.ValidationError)
  assert.deepEqual((await part(1, "x".repeat(PART))).number_of_parts, { total: 2, sent: 2 })
  assert.equal((await complete()).content_length, PART + 7)
  assert.equal((await notion.fileUploads.retrieve({ file_upload_id: long.id })).status, "uploaded")
  const waiting = await notion.fileUploads.create({ filename: "never.pdf" })
  const listed = await collectPaginatedAPI(notion.fileUploads.list, { status: "uploaded", page_size: 1 })
  const mine = listed.map(upload => upload.id)
  assert.ok(mine.includes(made.id) && mine.includes(long.id) && !mine.includes(waiting.id))

  // A property, an icon, a block, a comment.
  const page_id = rows[9].id
  const picture = { type: "file_upload", file_upload: { id: made.id } }
  const page = await notion.pages.update({
    page_id,
    icon: picture,
    properties: { Files: { files: [{ ...picture, name: "The picture" }] } },
  })
  assert.deepEqual([page.icon.type, page.properties.Files.files[0].name], ["file", "The picture"])
  const film = { video: { type: "file_upload", file_upload: { id: long.id } } }
  const appended = await notion.blocks.children.append({ block_id: page_id, children: [{ image: picture }, film] })
  const [image, video] = appended.results
  const comment = await notion.comments.create({
    parent: { page_id },
    rich_text: text("see there"),
    attachments: [{ type: "file_upload", file_upload_id: made.id }],
  })
  assert.equal(comment.attachments[0].category, "image")
  const urls = [
    page.icon.file.url,
    page.properties.Files.files[0].file.url,
    image.image.file.url,
    comment.attachments[0].file.url,
  ]
  for (const url of urls) assert.deepEqual(await fetched(url), [200, "a picture"])
  assert.equal((await fetched(video.video.file.url))[1].length, PART + 7)
  const { markdown } = await notion.pages.retrieveMarkdown({ page_id })
  const [shown] = markdown.match(/http[^)]*/)
  assert.deepEqual(await fetched(shown), [200, "a picture"])

  await world.advance(3600)
  for (const url of urls) assert.equal((await fetched(url))[0], 403)
  const again = await notion.blocks.retrieve({ block_id: image.id })
  assert.deepEqual(await fetched(again.image.file.url), [200, "a picture"])
  assert.equal((await notion.fileUploads.retrieve({ file_upload_id: waiting.id })).status, "expired")

  // The text that was read before comes back: the same files in the same blocks.
  const replace_content = { new_str: markdown }
  await notion.pages.updateMarkdown({ page_id, type: "replace_content", replace_content })
  const { results } = await notion.blocks.children.list({ block_id: page_id })
  assert.deepEqual(results.map(block => [block.id, block[block.type].type]), [[image.id, "file"], [video.id, "file"]])
}
