// Live: the rows of a span, newest first, over their histogram; new ones come
// on top.

import { about, dollars, download, Failure, frames } from './api.js'
import { Details, idOf } from './details.js'
import { ask, h, say, swap } from './dom.js'
import { Histogram } from './histogram.js'
import { List } from './list.js'
import { CUT, ERROR, LATE, Rows } from './rows.js'
import { counted, kind, moment, number, quote, visible } from './text.js'

export const SPANS = [['15m', '15 minutes'], ['1h', 'hour'], ['6h', '6 hours'], ['24h', '24 hours'], ['7d', '7 days'],
  ['30d', '30 days']]
const MOST_FRESH = 100_000 // rows that a tail may bring
const MOST = 1_000_000 // rows; the command sends no more
const SCREEN = 500 // rows, more than are seen at once
const DRAW = 250 // milliseconds from one drawing of what comes to the next
const LEAVE = 60_000 // after so many milliseconds nobody looks at, nothing is read

export class Live {
  title = 'Live'

  constructor(go) {
    this.go = go
    this.histogram = new Histogram((from, to) => this.set({
      brush: from === undefined ? '' : `${Math.round(from)}-${Math.round(to)}`,
    }))
    this.list = new List({
      label: 'Rows, newest first', kind: 'rows', count: () => this.range().n, render: (i, e) => this.render(i, e),
      open: (i) => this.set({ at: idOf(this.row(i)) }),
      select: (i) => { if (this.details.open) this.set({ at: idOf(this.row(i)) }, true) },
    })
    this.details = new Details(() => {
      this.set({ at: '' })
      this.list.element.focus()
    })
    this.span = h('select', { name: 'since', 'aria-label': 'Span of time', onchange: () => this.submit() })
    this.box = h('input', {
      name: 'q', type: 'search', 'aria-label': 'Filters, as of logtable query', autocomplete: 'off', spellcheck: 'false',
      placeholder: 'text, or --level WARN+ --module \'orders,bill*\' --field took>1.5',
    })
    this.following = h('button', { type: 'button', title: 'New rows as they come (f)', onclick: () => this.follow() })
    this.note = h('div', { class: 'note', role: 'status' })
    this.element = h('div', { class: 'view' },
      h('form', { class: 'tools', role: 'search', onsubmit: (e) => { e.preventDefault(); this.submit() } },
        h('label', {}, h('span', {}, 'Last '), this.span), this.box, h('button', { type: 'submit', class: 'main' }, 'Search'),
        this.following,
        h('button', { type: 'button', title: 'Rows as a file (e)', onclick: () => this.export() }, 'Export')),
      this.histogram.element, this.note,
      h('div', { class: 'split' }, this.list.element, this.details.element))
    document.addEventListener('visibilitychange', () => this.seen())
    this.clear()
  }

  keys = [
    ['/', 'write filters', () => this.box.focus()],
    ['f', 'follow: new rows as they come', () => this.follow()],
    ['h', 'the histogram: then arrow keys', () => this.histogram.plot.focus()],
    ['z', 'read only the part that is selected in it', () => this.zoom()],
    ['e', 'export what is shown', () => this.export()],
    ['t', 'the story of this row’s request', () => this.story()],
    ['r', 'read again', () => this.search()],
    ['x', 'errors only, or all', () => this.set({ errors: this.params.errors ? '' : '1' })],
  ]

  // show shows what an address names. Only what is read needs a search.
  show(params, again) {
    const words = ({ since = '', from = '', to = '', q = '', errors = '' }) => [since, from, to, q, errors].join('\0')
    const before = this.params
    this.params = params
    if (!params.since && !params.from) params.since = '1h'
    this.tools()
    if (again || !before || words(before) !== words(params)) {
      this.search()
    } else {
      if ((before.follow === '0') !== (params.follow === '0')) this.tail()
      if (before.brush !== params.brush) this.brush()
    }
    if (params.at) this.details.show(params.at)
    else this.details.hide()
    this.list.refresh()
  }

  leave() {
    this.stop()
    this.params = null
  }

  set(change, replace) {
    this.go('live', { ...this.params, ...change }, replace)
  }

  tools() {
    const p = this.params
    const options = SPANS.map(([value, name]) => h('option', { value, selected: value === p.since }, name))
    if (!SPANS.some(([value]) => value === p.since)) {
      options.push(h('option', { value: '', selected: true }, p.since || `${p.from} – ${p.to ?? 'now'}`))
    }
    swap(this.span, options)
    if (document.activeElement !== this.box) this.box.value = p.q ?? ''
    const on = this.follows()
    this.following.textContent = on ? 'Following' : 'Follow'
    this.following.setAttribute('aria-pressed', on)
  }

  follows() {
    return Boolean(this.params.since) && this.params.follow !== '0' && !/(^|\s)--(from|to)\b/.test(this.params.q ?? '')
  }

  submit() {
    const since = this.span.value
    const before = this.params.since ?? ''
    const { from, to } = since ? {} : this.params
    const again = this.params.q ?? ''
    this.set({ since: since || (from ? '' : this.params.since), from: from ?? '', to: to ?? '', q: this.box.value.trim(),
      brush: '', at: '' })
    this.list.element.focus()
    if (again === this.box.value.trim() && since === before) this.search()
  }

  follow() {
    if (this.params.since) this.set({ follow: this.follows() ? '0' : '' })
    else say('Only a span that ends now can be followed: choose one.')
  }

  zoom() {
    const [from, to] = (this.params.brush ?? '').split('-').map(Number)
    if (!to) return say('Select a part of the histogram first: h, then the arrow keys.')
    this.set({ since: '', from: new Date(from).toISOString(), to: new Date(to).toISOString(), brush: '' })
  }

  story() {
    if (this.details.story) this.go('story', { id: this.details.story })
    else say('Open a row first, with Enter.')
  }

  clear() {
    this.old = new Rows() // what the search has brought, newest first
    this.fresh = new Rows() // what has come since, newest last
    this.kinds = []
    this.known = new Set()
    this.list.reset()
  }

  searches = 0

  stop() {
    this.searches++
    this.reading?.abort()
    this.tailing?.abort()
    this.tailing = null
  }

  query() {
    const { since, from, to, q, errors } = this.params
    return { since, from, to, q, errors }
  }

  async search() {
    this.stop()
    this.clear()
    this.histogram.reset(0, 1)
    const { searches } = this
    if (this.follows()) await this.tail() // first: what is written meanwhile is in both
    if (searches === this.searches) await this.read({})
  }

  // read reads rows: all, or with before, those that a stop has left out.
  async read(more) {
    const reading = this.reading = new AbortController()
    const begun = performance.now()
    let told = begun
    this.tell('Reading …')
    let last = {}
    try {
      await frames('/api/rows', { ...this.query(), ...more }, reading.signal, (frame) => {
        if (reading.signal.aborted) return
        last = frame.head
        if (last.from && !more.before) {
          this.histogram.reset(last.from, last.to)
          this.brush()
        }
        if (more.before) this.drop(frame)
        this.take(this.old, frame)
        if (!last.done && performance.now() - told > DRAW) {
          told = performance.now()
          this.tell(`Reading … ${counted(this.old.length, 'row')}, ${number(last.units)} read units`)
        }
      })
      this.ended(last, performance.now() - begun)
    } catch (e) {
      if (reading.signal.aborted) return
      if (!(e instanceof Failure)) throw e
      this.ended(Object.assign(last, { error: e.message, usage: e.usage }), 0)
    }
  }

  // drop leaves out rows that were there before a stop: those of its very
  // millisecond.
  drop(frame) {
    if (this.old.length === 0) return
    const end = this.old.time(this.old.length - 1)
    const keys = new Set()
    for (let i = this.old.length - 1; i >= 0 && this.old.time(i) === end; i--) keys.add(this.old.at(i).key)
    let n = 0
    while (n < frame.n && frame.time[n] === end && keys.has(frame.key[n])) n++
    if (n === 0) return
    const skipped = frame.end[n - 1]
    for (const c of ['time', 'key', 'end', 'level', 'module', 'locator', 'flags']) frame[c] = frame[c].subarray(n)
    frame.end = frame.end.map((end) => end - skipped)
    frame.text = frame.text.subarray(skipped)
    frame.n -= n
  }

  take(rows, frame) {
    rows.add(frame)
    for (const name of frame.head.names ?? []) {
      (rows.kinds ??= []).push(['error', 'warn', 'info', 'debug'].indexOf(kind(name, false)))
    }
    this.histogram.add(frame, rows.kinds ?? [])
    this.due ??= setTimeout(() => {
      this.due = null
      this.histogram.draw()
      this.histogram.hover(-1)
      this.list.refresh()
    }, DRAW)
    if (rows.length < SCREEN || rows === this.fresh) this.list.refresh() // what comes behind can wait
  }

  tell(...children) {
    swap(this.note, ...children)
  }

  ended(last, took) {
    const again = (text, units, before) => h('button', {
      type: 'button', onclick: () => this.read({ units, before }),
    }, text)
    const rows = `${counted(this.old.length, 'row')}, ${counted(this.histogram.totals[0], 'error')}` +
      `, ${number(last.units ?? 0)} read units, ${(took / 1000).toFixed(1)} s`
    if (last.price) {
      const rest = Math.ceil(Math.max(about.units, 1.2 * (last.price.estimate - last.price.read)))
      const before = this.old.length ? this.old.time(this.old.length - 1) + 1 : undefined
      const units = before ? rest : Math.ceil(1.5 * Math.max(last.price.estimate, about.units))
      this.tell(`${rows}: stopped, because more than ${number(about.units)} read units are needed, about ` +
        `${number(Math.ceil(last.price.estimate))} in all (${dollars(last.price.estimate)}). `,
      again('Read on', units, before), ' or choose a shorter span.')
    } else if (last.error) {
      this.tell(visible(last.error), ' ', last.usage ? null : again('Try again'))
    } else if (this.old.length + this.fresh.length === 0) {
      this.tell(`No rows (${number(last.units ?? 0)} read units). Choose a longer span`,
        this.params.q || this.params.errors ? ', or fewer filters: ' : '. ',
        this.params.q || this.params.errors
          ? h('button', { type: 'button', onclick: () => this.set({ q: '', errors: '' }) }, 'Without filters') : null)
    } else {
      this.tell(rows, this.old.length >= MOST ? ': there are more, which this page does not take; choose a shorter span' : '',
        this.params.errors ? ' (errors only: x shows all)' : '')
    }
    if (this.list.selected < 0 && this.list.count() > 0 && this.params.at) this.find(this.params.at)
    this.list.refresh()
  }

  // find selects the row of an address, if it is here.
  find(at) {
    const time = Number(at.split('-')[0])
    const { n } = this.range()
    for (let i = 0, low = this.old.first((t) => t <= time); i < 1000 && low + i < this.old.length; i++) {
      if (idOf(this.old.at(low + i)) !== at) continue
      const place = low + i - this.range().old + this.range().fresh
      if (place >= 0 && place < n) this.list.go(place, false)
      return
    }
  }

  // tail begins to follow, and resolves when nothing can be missed any more.
  tail() {
    this.tailing?.abort()
    this.tailing = null
    if (!this.follows()) return undefined
    const tailing = this.tailing = new AbortController()
    return new Promise((ready) => {
      frames('/api/tail', { ...this.query(), from: '', to: '' }, tailing.signal, (frame) => {
        ready()
        if (!tailing.signal.aborted) this.came(frame, tailing)
      }).catch((e) => {
        if (!tailing.signal.aborted && !e.usage) say(`Not following: ${e.message}`)
      }).finally(ready)
    })
  }

  came(frame, tailing) {
    if (frame.head.error) return say(`Not following any more: ${visible(frame.head.error)}`)
    if (frame.head.trouble !== undefined) say(visible(frame.head.trouble) || 'Following again.')
    if (this.fresh.length > MOST_FRESH) {
      tailing.abort()
      return say(`${number(MOST_FRESH)} new rows: r reads again.`)
    }
    const last = frame.n ? frame.time[frame.n - 1] : 0
    if (last > this.histogram.to && this.histogram.to > 1) this.longer(last)
    const before = this.list.count()
    this.take(this.fresh, frame)
    this.list.ahead(this.list.count() - before)
    return undefined
  }

  // longer makes room in the histogram for what comes after its end.
  longer(ms) {
    const { from, to } = this.histogram
    this.histogram.reset(from, Math.max(ms + 1, to + (to - from) / 4))
    for (const rows of [this.old, this.fresh]) for (const f of rows.frames) this.histogram.add(f, rows.kinds)
    this.brush()
  }

  seen() {
    clearTimeout(this.leaving)
    if (document.hidden && this.tailing) {
      this.leaving = setTimeout(() => {
        this.tailing?.abort()
        this.left = true
      }, LEAVE)
    } else if (!document.hidden && this.left) {
      this.left = false
      if (this.params) this.search()
    }
  }

  // brush shows the part that is selected.
  brush() {
    const [from, to] = (this.params?.brush ?? '').split('-').map(Number)
    this.part = to ? [from, to] : null
    if (this.part && this.histogram.to > 1) this.histogram.restore(from, to)
    else if (!this.part) this.histogram.choose(null, null, false)
    this.list.reset()
  }

  // range is which rows are shown: the newest that came, then those of the
  // search from one on.
  range() {
    const whole = { fresh: this.fresh.length, top: this.fresh.length, old: 0, n: this.fresh.length + this.old.length }
    if (!this.part) return whole
    const [from, to] = this.part
    const low = this.fresh.first((t) => t >= from)
    const high = this.fresh.first((t) => t >= to)
    const old = this.old.first((t) => t < to)
    const fresh = Math.max(0, high - low)
    return { fresh, top: high, old, n: fresh + this.old.first((t) => t < from) - old }
  }

  row(i) {
    const { fresh, top, old } = this.range()
    return i < fresh ? this.fresh.at(top - 1 - i) : this.old.at(old + i - fresh)
  }

  render(i, element) {
    const row = this.row(i)
    const of = kind(row.level, row.flags & ERROR)
    element.classList.add(of)
    swap(element,
      h('span', { class: 'time' }, moment(row.time, this.histogram.from, this.histogram.to)),
      h('span', { class: `level ${of}` }, visible(row.level)),
      h('span', { class: 'module' }, visible(row.module)),
      h('span', { class: 'locator dim' }, row.locator ? `(${visible(row.locator)})` : ''),
      h('span', { class: 'text' }, visible(row.text) + (row.flags & CUT ? ' …' : ''),
        row.flags & LATE ? h('em', {}, '  late') : null))
  }

  // pinned is the address that shows the same later.
  pinned() {
    const p = { ...this.params, follow: '' }
    if (this.histogram.to > 1) {
      p.since = ''
      p.from = new Date(this.histogram.from).toISOString()
      p.to = new Date(this.histogram.to).toISOString()
    }
    return ['live', p]
  }

  // command reads the same in a terminal.
  command(form) {
    const { from, to, errors, q } = this.exported()
    return `logtable query --from ${from} --to ${to}${errors ? ' --errors' : ''}${this.words(q)} -o ${form}`
  }

  // words are the box as a shell takes it: what is no flag is a text.
  words(q = '') {
    return q === '' ? '' : q.startsWith('-') ? ` ${q}` : ` --grep ${quote(q)}`
  }

  exported() {
    const [, p] = this.pinned()
    const [from, to] = this.part ?? []
    return { ...this.query(), since: '', from: from ? new Date(from).toISOString() : p.from,
      to: to ? new Date(to).toISOString() : p.to }
  }

  async export() {
    const wanted = await ask('Export what is shown', [
      h('p', {}, 'It is read again, in full, oldest first.'),
      h('label', {}, 'Form ', h('select', { name: 'form' },
        h('option', { value: 'jsonl' }, 'JSON lines'), h('option', { value: 'csv' }, 'CSV'))),
      h('p', { class: 'dim' }, 'In a terminal:'), h('pre', {}, visible(this.command('jsonl'))),
    ], { yes: 'Save' })
    if (!wanted) return
    say('Exporting …')
    try {
      await download({ ...this.exported(), form: wanted.form }, `logtable.${wanted.form}`)
      say('Exported.')
    } catch (e) {
      say(visible(e.message))
    }
  }
}
