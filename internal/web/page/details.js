// A row in full, beside the list or over it.

import { get } from './api.js'
import { h, pieces, say, swap } from './dom.js'
import { block, clock, day, kind, quote, visible } from './text.js'

// pair is a name and a value of a list of such.
function pair(name, ...value) {
  return [h('dt', {}, name), h('dd', {}, ...value)]
}

const hash = (view, params) => `#/${view}?${new URLSearchParams(params)}`

// idOf and fromID write a row's name into an address.
export const idOf = (row) => `${row.time ?? row.t}-${row.key ?? row.k}-${(row.flags & 1) || row.error ? 1 : 0}`
const fromID = (id) => {
  const [t, k, e] = id.split('-')
  return { t, k, e }
}

function fieldsOf(fields) {
  if (fields === undefined) return null
  if (fields === null || typeof fields !== 'object') return h('pre', {}, pieces(block(String(fields))))
  return h('dl', { class: 'fields' }, Object.entries(fields).flatMap(([name, value]) =>
    pair(visible(name), typeof value === 'string' ? h('span', {}, pieces(block(value)))
      : h('span', { class: 'json' }, pieces(block(JSON.stringify(value, null, 1)))))))
}

// content is what there is to see of a row as jsonl has it.
export function content(row) {
  const time = Date.parse(row.time)
  const errors = row.category === 'errors'
  const filter = `--module ${quote(row.module)}` + (row.locator ? ` --locator ${quote(row.locator)}` : '')
  const story = (id, label = id) => h('a', { href: hash('story', { id }) }, visible(label))
  const link = (name, value, shown) => (value === undefined ? [] : pair(name, shown ?? visible(String(value))))
  return [
    h('h2', {}, h('span', { class: `level ${kind(row.level, errors)}` }, visible(row.level || 'no level')), ' ',
      visible(row.module), row.locator ? h('span', { class: 'dim' }, ` (${visible(row.locator)})`) : null),
    h('p', { class: 'dim' }, Number.isNaN(time) ? 'at an unknown time' : `${day(time)} ${clock(time)}`),
    h('pre', { class: 'text' }, pieces(block(row.text))),
    row.exception ? [h('h3', {}, 'Exception'), h('pre', { class: 'exception' }, pieces(block(row.exception)))] : null,
    row.fields === undefined ? null : [h('h3', {}, 'Fields'), fieldsOf(row.fields)],
    h('h3', {}, 'Belongs to'),
    h('dl', {},
      link('request', row.request_id, row.request_id && story(row.request_id)),
      link('trace', row.trace_id, row.trace_id && story(row.trace_id)),
      link('trace of the line', row.trace_id_line, row.trace_id_line && story(row.trace_id_line)),
      link('execution', row.execution, row.execution && story(row.execution)),
      link('operation', row.operation), link('attempt', row.attempt), link('tenant', row.tenant_id),
      link('version', row.version), link('environment', row.environment_id),
      pair('cause', h('a', { href: hash('live', { since: '24h', q: filter }) }, 'rows like this, 24 hours'))),
    h('h3', {}, 'Stored'),
    h('dl', {},
      pair('table', visible(row.table)), pair('date', visible(row.date)), pair('stamp_mod', visible(row.stamp_mod)),
      link('issues', row.issues), link('truncated', row.truncated, `${row.truncated} bytes`),
      link('expiry', row.expiry, row.expiry && day(row.expiry * 1000)),
      link('other', row.other, row.other && h('span', { class: 'json' }, pieces(block(JSON.stringify(row.other, null, 1)))))),
  ]
}

export class Details {
  // closed() is told when somebody closes it.
  constructor(closed) {
    this.closed = closed
    this.body = h('div', { class: 'body' })
    this.element = h('aside', { class: 'details', 'aria-label': 'Details', tabindex: -1, hidden: true },
      h('p', { class: 'bar' },
        h('button', { type: 'button', onclick: () => this.close() }, 'Close'),
        this.copying = h('button', { type: 'button', onclick: () => this.copy() }, 'Copy JSON')),
      this.body)
  }

  // show fetches a row by its name in an address, and shows it.
  async show(id) {
    if (this.id === id) return
    this.id = id
    this.row = null
    this.element.hidden = false
    swap(this.body, h('p', { class: 'note' }, 'Reading the row …'))
    try {
      const { row } = await get('/api/row', fromID(id))
      if (this.id !== id) return
      this.row = row
      swap(this.body, content(row))
      this.element.scrollTop = 0
    } catch (e) {
      if (this.id === id) swap(this.body, h('p', { class: 'note' }, e.message))
    }
  }

  // fill shows something else.
  fill(id, row, ...children) {
    Object.assign(this, { id, row })
    this.element.hidden = false
    swap(this.body, ...children)
  }

  hide() {
    this.id = null
    this.element.hidden = true
  }

  close() {
    this.hide()
    this.closed()
  }

  get open() {
    return !this.element.hidden
  }

  // request is whose story the shown row has.
  get story() {
    return this.row?.request_id && this.row.request_id !== 'init' ? this.row.request_id
      : this.row?.trace_id ?? this.row?.execution
  }

  async copy() {
    if (!this.row) return
    await navigator.clipboard.writeText(JSON.stringify(this.row, null, 2)).then(() => say('Copied.'),
      () => say('The browser did not allow to copy.'))
  }
}
