// What the steps share: the client, the simulator's own routes, and what earlier steps made.

import assert from "node:assert/strict"
import { Client, LogLevel } from "@notionhq/client"

export class World {
  constructor(url, token, version) {
    Object.assign(this, { url, token, version, calls: 0 })
    this.notion = this.client({})
  }

  /** A client of the SDK, counted. */
  client(options) {
    return new Client({
      auth: this.token,
      baseUrl: this.url,
      notionVersion: this.version,
      logLevel: LogLevel.ERROR,
      retry: { maxRetries: 2, initialRetryDelayMs: 1, maxRetryDelayMs: 20 },
      fetch: (...args) => {
        this.calls += 1
        return fetch(...args)
      },
      ...options,
    })
  }

  /** A route of the simulator itself: nothing of Notion's. */
  async control(method, path, body) {
    const answer = await fetch(`${this.url}/_sim/${path}`, {
      method,
      headers: { "content-type": "application/json" },
      body: body && JSON.stringify(body),
    })
    assert.ok(answer.ok, `${method} ${path}: ${answer.status}`)
    return answer.json()
  }

  /** The next requests of a route meet these faults, in this order. */
  async faults(method, path, ...faults) {
    const rules = faults.map(fault => ({ method, path_contains: path, times: 1, fault }))
    await this.control("POST", "faults", rules)
  }

  /** How often a route was asked since, and how it answered. */
  async statuses(method, path, since) {
    const { entries } = await this.control("GET", `ledger?since=${since}`)
    const these = entries.filter(entry => entry.method === method && entry.path.includes(path))
    return these.map(entry => entry.status)
  }

  /** The number of the last request. */
  async now() {
    const { entries } = await this.control("GET", "ledger")
    return entries.at(-1)?.seq ?? 0
  }

  /** Time goes by. */
  advance(seconds) {
    return this.control("POST", "clock", { advance_seconds: seconds })
  }

  /** Whether objects say `in_trash`, and what the older version said as well. */
  get isNew() {
    return this.version >= "2026"
  }
}

/** The error that a promise ends with. */
export async function refused(promise, code, words) {
  const error = await promise.then(
    value => assert.fail(`not refused: ${JSON.stringify(value).slice(0, 200)}`),
    error => error,
  )
  assert.equal(error.code, code, error.message)
  if (words) assert.ok(error.message.includes(words), error.message)
  return error
}

export const text = content => [{ text: { content } }]
export const plain = rich => rich.map(item => item.plain_text).join("")
export const title = page => plain(Object.values(page.properties).find(p => p.type === "title").title)
