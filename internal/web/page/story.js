// Story: what became of a request, a trace or an execution, across functions.

import { get } from './api.js'
import { Details, idOf } from './details.js'
import { h, say, swap } from './dom.js'
import { List } from './list.js'
import { clock, counted, day, kind, moment, visible } from './text.js'

const COLORS = 4 // which tell invocations apart
const SHORT = 8 // characters of a request ID

const elapsed = (ms) => `+${(ms / 1000).toFixed(3)} s`

export class Story {
  title = 'Story'

  constructor(go) {
    this.go = go
    this.lines = []
    this.list = new List({
      label: 'The story, oldest first', kind: 'story', count: () => this.lines.length,
      render: (i, e) => this.render(this.lines[i], e),
      open: (i) => this.set({ at: this.lines[i].row ? idOf(this.lines[i].row) : '' }),
      select: (i) => { if (this.details.open && this.lines[i].row) this.set({ at: idOf(this.lines[i].row) }, true) },
    })
    this.details = new Details(() => {
      this.set({ at: '' })
      this.list.element.focus()
    })
    this.box = h('input', {
      name: 'id', type: 'search', 'aria-label': 'ID', autocomplete: 'off', spellcheck: 'false',
      placeholder: 'a request ID or its beginning, a trace ID, or an execution',
    })
    this.only = h('input', { type: 'checkbox', name: 'only', onchange: () => this.submit() })
    this.note = h('div', { class: 'note', role: 'status' })
    this.element = h('div', { class: 'view' },
      h('form', { class: 'tools', role: 'search', onsubmit: (e) => { e.preventDefault(); this.submit() } },
        this.box, h('label', {}, this.only, ' only the request'),
        h('button', { type: 'submit', class: 'main' }, 'Show')),
      this.note, h('div', { class: 'split' }, this.list.element, this.details.element))
  }

  keys = [
    ['/', 'write an ID', () => this.box.focus()],
    ['o', 'only the request, or the rest of its trace', () => { this.only.click() }],
    ['r', 'read again', () => this.read()],
    ['l', 'these minutes in Live', () => this.live()],
  ]

  show(params, again) {
    const of = (p) => `${p?.id} ${p?.only} ${p?.since}`
    const before = this.params
    this.params = params
    this.box.value = params.id ?? ''
    this.only.checked = params.only === '1'
    if (again || !before || of(before) !== of(params)) this.read()
    if (params.at) this.details.show(params.at)
    else this.details.hide()
  }

  leave() {
    this.reading?.abort()
    this.params = null
  }

  set(change, replace) {
    this.go('story', { ...this.params, ...change }, replace)
  }

  submit() {
    this.set({ id: this.box.value.trim(), only: this.only.checked ? '1' : '', at: '' })
    this.list.element.focus()
  }

  live() {
    if (!this.story?.rows.length) return
    const times = [this.story.rows[0].t, this.story.rows.at(-1).t]
    this.go('live', { from: new Date(times[0] - 60_000).toISOString(), to: new Date(times[1] + 60_000).toISOString() })
  }

  async read(more = {}) {
    this.reading?.abort()
    this.lines = []
    this.story = null
    this.list.reset()
    const { id, only, since } = this.params
    if (!id) {
      swap(this.note, 'Write the ID of a request, of a trace, or an execution (name/id), and press Enter. ',
        'In Live, t on an open row leads here.')
      return
    }
    const reading = this.reading = new AbortController()
    swap(this.note, `Looking for ${visible(id)} …`)
    try {
      const story = await get('/api/story', { id, only, since, ...more }, reading.signal)
      if (!reading.signal.aborted) this.tell(story)
    } catch (e) {
      if (reading.signal.aborted) return
      const again = (text, params) => h('button', { type: 'button', onclick: () => this.read(params) }, text)
      swap(this.note, visible(e.message), ' ',
        e.price ? again('Read on', { units: Math.ceil(1.5 * e.price.estimate) }) : e.usage ? null : again('Try again', {}))
    }
  }

  // tell makes lines of a story: where an invocation begins and ends, its rows,
  // and whose the rows are where they change.
  tell(story) {
    this.story = story
    if (story.rows.length === 0) {
      swap(this.note, `No rows of ${visible(this.params.id)} from ${day(story.from)} to ${day(story.to)}. `,
        this.params.since ? null
          : h('button', { type: 'button', onclick: () => this.set({ since: '30d' }) }, 'Look back 30 days'))
      return
    }
    const label = (v) => visible(v.module) + (v.request ? ` ${visible(v.request.slice(0, SHORT))}` : ', no request')
    let now = -1
    story.rows.forEach((row, i) => {
      const of = story.invocations[row.of]
      const line = { of: row.of, row }
      if (i === of.first) {
        this.lines.push({ of: row.of, row, mark: `→ ${visible(of.module)} ${visible(of.request)}` +
          (of.cold ? `, cold start ${visible(of.cold)}` : '') })
      } else if (now !== row.of && !row.ends) {
        this.lines.push({ of: row.of, mark: `… ${label(of)}` })
      }
      now = row.of
      if (row.ends) line.mark = `← ${label(of)}: ${visible(row.text.replace(/^report: /, ''))}`
      this.lines.push(line)
      if (i === of.last && !story.rows.some((r) => r.ends && r.of === row.of) && of.request) {
        this.lines.push({ of: row.of, mark: `← ${label(of)}: ${story.more ? 'further rows were not read' : 'no further rows'}` })
      }
    })
    const errors = story.rows.filter((r) => r.error).length
    const functions = new Set(story.invocations.map((v) => v.module)).size
    const title = story.traces.length ? `Trace ${story.traces.slice(0, 3).join(', ')}` : visible(this.params.id)
    swap(this.note, h('strong', {}, title), ': ',
      `${counted(story.invocations.filter((v) => v.request).length, 'invocation')} of ${counted(functions, 'function')}, ` +
      `${counted(story.rows.length, 'row')}, ${counted(errors, 'error')}, ` +
      `${((story.rows.at(-1).t - story.rows[0].t) / 1000).toFixed(3)} s, ${day(story.rows[0].t)} ${clock(story.rows[0].t)}`,
      story.more ? '. There are more rows than are shown.' : '')
    this.list.refresh()
    if (this.params.at) this.list.go(this.lines.findIndex((l) => l.row && idOf(l.row) === this.params.at), false)
    say('')
  }

  render(line, element) {
    const { rows } = this.story
    const { row } = line
    element.classList.add(`of${line.of % COLORS}`)
    if (row?.error) element.classList.add('error')
    if (line.mark) element.classList.add('mark')
    const of = row ? kind(row.level, row.error) : 'info'
    swap(element,
      h('span', { class: 'time' }, row ? moment(row.t, rows[0].t, rows.at(-1).t) : ''),
      h('span', { class: 'elapsed dim' }, row ? elapsed(row.t - rows[0].t) : ''),
      h('span', { class: `level ${of}` }, line.mark ? '' : visible(row.level)),
      h('span', { class: 'text' }, line.mark ?? (row.locator ? `(${visible(row.locator)}) ` : '') + visible(row.text) +
        (row.fields ? `  ${visible(row.fields)}` : '') + (row.exception ? ` ▸ ${visible(row.exception)}` : '')))
  }

  pinned() {
    return ['story', this.params]
  }
}
