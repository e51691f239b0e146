// Custom emojis: found by name, and icons of pages.

import assert from "node:assert/strict"
import { collectPaginatedAPI } from "@notionhq/client"

export default async function emojis(world) {
  const { notion, rows } = world
  const name = `shipit_${world.version}`
  const url = "https://example.com/shipit.png"
  const { id } = await world.control("POST", "emojis", { name, url })
  const found = await notion.customEmojis.list({ name })
  assert.deepEqual(found.results, [{ id, name, url }])
  assert.equal((await notion.customEmojis.list({ name: "shipit" })).results.length, 0)
  const all = await collectPaginatedAPI(notion.customEmojis.list, {})
  assert.ok(all.some(emoji => emoji.id === id))
  const page = await notion.pages.update({
    page_id: rows[11].id,
    icon: { type: "custom_emoji", custom_emoji: { id } },
  })
  assert.deepEqual(page.icon, { type: "custom_emoji", custom_emoji: { id, name, url } })
}
