// OAuth: a person's consent becomes a token, which is looked at, renewed and revoked.

import assert from "node:assert/strict"
import { APIErrorCode } from "@notionhq/client"
import { refused } from "../world.mjs"

export default async function oauth(world) {
  const { notion } = world
  const client = await world.control("GET", "oauth")
  const redirect_uri = "https://example.com/back"
  const consent = async () => (await world.control("POST", "oauth", { redirect_uri })).code
  const code = await consent()
  const grant = { grant_type: "authorization_code", code, redirect_uri }
  const token = await notion.oauth.token({ ...client, ...grant })
  assert.deepEqual([token.token_type, typeof token.refresh_token], ["bearer", "string"])
  const me = await world.client({ auth: token.access_token }).users.me({})
  assert.deepEqual([me.id, me.bot.workspace_id], [token.bot_id, token.workspace_id])
  const is_active = async token => (await notion.oauth.introspect({ ...client, token })).active
  assert.equal(await is_active(token.access_token), true)

  const { refresh_token } = token
  const renewed = await notion.oauth.token({ ...client, grant_type: "refresh_token", refresh_token })
  assert.deepEqual([await is_active(token.access_token), await is_active(renewed.access_token)], [false, true])
  await notion.oauth.revoke({ ...client, token: renewed.access_token })
  assert.equal(await is_active(renewed.access_token), false)
  await refused(world.client({ auth: renewed.access_token }).users.me({}), APIErrorCode.Unauthorized)

  // A refusal has OAuth's shape, of which the SDK makes what it can.
  const fails = async args => {
    const error = await notion.oauth.token(args).then(() => assert.fail("not refused"), error => error)
    return [error.status, JSON.parse(error.body).error]
  }
  assert.deepEqual(await fails({ ...client, ...grant }), [400, "invalid_grant"])
  const stranger = { ...client, client_secret: "wrong" }
  assert.deepEqual(await fails({ ...stranger, ...grant, code: await consent() }), [401, "invalid_client"])
}
