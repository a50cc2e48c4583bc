// Requests to the command that serves this page.

import { number } from './text.js'

const KEY = 'logtable-key' // in sessionStorage: of this tab only

export const about = {}

// A Failure says what to do next. It may have price, usage, newer and status.
export class Failure extends Error {}

async function request(path, options = {}) {
  const headers = { 'X-Logtable-Key': sessionStorage.getItem(KEY) ?? '' }
  if (options.body) headers['Content-Type'] = 'application/json'
  let response
  try {
    response = await fetch(path, { ...options, headers, redirect: 'error' })
  } catch (e) {
    if (options.signal?.aborted) throw e
    throw new Failure('logtable web does not answer: start it again, and open the link that it prints')
  }
  if (!response.ok) {
    const said = await response.json().catch(() => ({ error: `the answer is ${response.status}` }))
    throw Object.assign(new Failure(said.error), said, { status: response.status })
  }
  return response
}

// parse keeps the digits of numbers that JavaScript cannot hold.
function parse(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === 'number' && context?.source && String(value) !== context.source ? context.source : value)
}

const withQuery = (path, params) => `${path}?${new URLSearchParams(Object.entries(params).filter(([, v]) =>
  v !== undefined && v !== null && v !== ''))}`

export async function get(path, params = {}, signal) {
  const text = await (await request(withQuery(path, params), { signal })).text()
  const value = parse(text)
  cost(value.spent)
  return value
}

export async function post(path, value) {
  return parse(await (await request(path, { method: 'POST', body: JSON.stringify(value) })).text())
}

// trade gets the key for the token of a link.
export async function trade(token) {
  const { key } = await post('/api/key', { token })
  sessionStorage.setItem(KEY, key)
}

export async function learn() {
  Object.assign(about, await get('/api/about'))
}

let spent = 0

// dollars is what read units cost.
export function dollars(units) {
  const price = units * about.dollars
  return price < 0.0001 ? 'less than $0.0001' : `about $${Number(price.toPrecision(2))}`
}

// cost shows what this page has read.
export function cost(units) {
  if (units === undefined) return
  spent = Math.max(spent, units)
  document.getElementById('cost').textContent =
    `${number(Math.ceil(spent))} read units so far, ${dollars(spent)}`
}

// frames calls for each frame of rows; see internal/web/frame.go.
export async function frames(path, params, signal, each) {
  const response = await request(withQuery(path, params), { signal })
  let frame = null
  let at = 0 // bytes of the frame, or of its length, that have come
  let length = new Uint8Array(4)
  for await (const bytes of read(response.body)) {
    for (let i = 0; i < bytes.length;) {
      const into = frame ?? length
      const some = bytes.subarray(i, i + into.length - at)
      into.set(some, at)
      at += some.length
      i += some.length
      if (at < into.length) continue
      at = 0
      if (frame) each(columns(frame.buffer))
      frame = frame ? null : new Uint8Array(new DataView(length.buffer).getUint32(0, true))
    }
  }
}

async function* read(body) {
  const reader = body.getReader()
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value
}

function columns(buffer) {
  const sizes = new Uint32Array(buffer, 0, 2)
  const n = sizes[0]
  let at = 8
  const column = (Type) => {
    const c = new Type(buffer, at, n)
    at += c.byteLength
    return c
  }
  const frame = {
    n, time: column(Float64Array), key: column(Uint32Array), end: column(Uint32Array),
    level: column(Uint16Array), module: column(Uint16Array), locator: column(Uint16Array), flags: column(Uint8Array),
  }
  frame.head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, at, sizes[1])))
  frame.text = new Uint8Array(buffer, at + sizes[1])
  if (frame.head.spent) cost(frame.head.spent)
  return frame
}

// download saves what an export sends, and returns how it ended.
export async function download(params, name) {
  const response = await request(withQuery('/api/export', params))
  const blob = await response.blob()
  const tail = new Uint8Array(await blob.slice(Math.max(0, blob.size - 4096)).arrayBuffer())
  const nul = tail.lastIndexOf(0)
  if (nul < 0) throw new Failure('the export broke off: try again')
  const last = JSON.parse(new TextDecoder().decode(tail.subarray(nul + 1)))
  cost(last.spent)
  if (last.error) throw Object.assign(new Failure(last.error), last)
  const url = URL.createObjectURL(blob.slice(0, blob.size - (tail.length - nul)))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
  return last
}
