// Who we are, and what a wrong token gets.

import assert from "node:assert/strict"
import { APIErrorCode, APIResponseError, collectPaginatedAPI, isFullUser } from "@notionhq/client"
import { refused } from "../world.mjs"

export default async function identity(world) {
  const me = await world.notion.users.me({})
  assert.equal(me.type, "bot")
  assert.equal(me.bot.workspace_limits.max_file_upload_size_in_bytes > 0, true)
  const users = await collectPaginatedAPI(world.notion.users.list, {})
  world.person = users.find(user => isFullUser(user) && user.type === "person")
  assert.ok(world.person.person.email.includes("@"))
  const { request_id, ...retrieved } = await world.notion.users.retrieve({ user_id: world.person.id })
  assert.deepEqual(retrieved, world.person)
  assert.equal(typeof request_id, "string")

  const stranger = world.client({ auth: "ntn_of_somebody_else" })
  const error = await refused(stranger.users.me({}), APIErrorCode.Unauthorized, "API token is invalid.")
  assert.ok(error instanceof APIResponseError)
  assert.equal(error.status, 401)
}
