// What the SDK makes of trouble: what it tries again, and what it tells.

import assert from "node:assert/strict"
import {
  APIErrorCode,
  ClientErrorCode,
  UnknownHTTPResponseError,
  isHTTPResponseError,
  isNotionClientError,
} from "@notionhq/client"
import { refused, text } from "../world.mjs"

const status = (status, code, more) => ({ kind: "status", status, code, ...more })

export default async function errors(world) {
  const { notion, rows, tasks } = world
  const page_id = rows[1].id
  const attempts = async (method, path, request, ...faults) => {
    const since = await world.now()
    await world.faults(method, path, ...faults)
    const outcome = await request().then(
      () => "ok",
      error => error,
    )
    await world.control("DELETE", "faults")
    const statuses = await world.statuses(method, path, since)
    return [outcome, statuses]
  }
  const read = () => notion.pages.retrieve({ page_id })
  const create = () =>
    notion.pages.create({
      parent: { data_source_id: tasks.id },
      properties: { Task: { title: text("made in a storm") } },
    })

  // Limits are waited for, whatever the method.
  const limited = status(429, "rate_limited", { retry_after: 0 })
  assert.deepEqual(await attempts("GET", "/pages/", read, limited), ["ok", [429, 200]])
  assert.deepEqual(await attempts("POST", "/v1/pages", create, limited), ["ok", [429, 200]])
  // Trouble on the server only where nothing is written twice.
  const down = status(503, "service_unavailable")
  assert.deepEqual(await attempts("GET", "/pages/", read, down, down), ["ok", [503, 503, 200]])
  const [tired, thrice] = await attempts("GET", "/pages/", read, down, down, down)
  assert.equal(tired.code, APIErrorCode.ServiceUnavailable)
  assert.deepEqual(thrice, [503, 503, 503])
  const [said, once] = await attempts("POST", "/v1/pages", create, down)
  assert.equal(said.code, APIErrorCode.ServiceUnavailable)
  assert.deepEqual(once, [503])

  const [edge] = await attempts("PATCH", "/pages/", () => notion.pages.update({ page_id, properties: {} }), {
    kind: "html_edge",
    status: 502,
  })
  assert.ok(edge instanceof UnknownHTTPResponseError)
  assert.equal(edge.code, ClientErrorCode.ResponseError)
  assert.ok(isHTTPResponseError(edge) && isNotionClientError(edge))
  const [dropped] = await attempts("GET", "/pages/", read, { kind: "drop_before" })
  assert.equal(isNotionClientError(dropped), false)

  const wrong = await refused(
    notion.pages.update({ page_id, properties: { Estimate: { number: "five" } } }),
    APIErrorCode.ValidationError,
    "body failed validation",
  )
  assert.equal(typeof wrong.request_id, "string")
  await refused(
    notion.pages.update({ page_id, properties: { State: { status: { name: "Nowhere" } } } }),
    APIErrorCode.ValidationError,
    "Nowhere",
  )
}
