// Errors: the causes of a span, what needs attention first, and what was said
// of them.

import { about, Failure, get, post } from './api.js'
import { content, Details } from './details.js'
import { ask, h, say, swap } from './dom.js'
import { List } from './list.js'
import { SPANS } from './live.js'
import { ago, clock, counted, day, number, quote, sparkline, visible } from './text.js'

const SPARKS = 12 // characters in the list

const nameOf = (cause) => JSON.stringify([cause.module, cause.locator])
const classOf = (cause) => cause.standing.split(' ').at(-1) // new, open, back, seen, resolved, ignored

// fewer sums up neighbours until there are at most n.
function fewer(counts, n) {
  const each = Math.ceil(counts.length / n)
  return Array.from({ length: Math.ceil(counts.length / each) }, (_, i) =>
    counts.slice(i * each, (i + 1) * each).reduce((a, b) => a + b, 0))
}

export class Errors {
  title = 'Errors'

  constructor(go) {
    this.go = go
    this.all = []
    this.causes = []
    this.list = new List({
      label: 'Causes of errors', kind: 'causes', count: () => this.causes.length,
      render: (i, e) => this.render(this.causes[i], e), open: (i) => this.set({ cause: nameOf(this.causes[i]) }),
      select: (i) => { if (this.details.open) this.set({ cause: nameOf(this.causes[i]) }, true) },
    })
    this.details = new Details(() => {
      this.set({ cause: '' })
      this.list.element.focus()
    })
    this.span = h('select', { name: 'since', 'aria-label': 'Span of time', onchange: () => this.submit() })
    this.box = h('input', {
      name: 'q', type: 'search', 'aria-label': 'Filters, as of logtable query', autocomplete: 'off', spellcheck: 'false',
      placeholder: 'text, or --module \'orders,bill*\' --not healthcheck',
    })
    this.done = h('button', { type: 'button', title: 'Also what is resolved or ignored (a)', onclick: () => this.toggle() })
    this.note = h('div', { class: 'note', role: 'status' })
    this.element = h('div', { class: 'view' },
      h('form', { class: 'tools', role: 'search', onsubmit: (e) => { e.preventDefault(); this.submit() } },
        h('label', {}, h('span', {}, 'Last '), this.span), this.box, h('button', { type: 'submit', class: 'main' }, 'Search'),
        this.done),
      this.note, h('div', { class: 'split' }, this.list.element, this.details.element))
  }

  keys = [
    ['/', 'write filters', () => this.box.focus()],
    ['a', 'all causes, or those that need attention', () => this.toggle()],
    ['x', 'resolve', () => this.judge('resolved')],
    ['i', 'ignore for a while', () => this.judge('ignored')],
    ['o', 'reopen', () => this.judge('open')],
    ['t', 'the story of the last request', () => this.story()],
    ['l', 'its rows in Live', () => this.live()],
    ['r', 'read again', () => this.again()],
  ]

  show(params, again) {
    const of = (p) => `${p?.since}\0${p?.q}`
    const before = this.params
    this.params = params
    if (!params.since) params.since = '7d'
    swap(this.span, SPANS.map(([value, name]) => h('option', { value, selected: value === params.since }, name)))
    if (document.activeElement !== this.box) this.box.value = params.q ?? ''
    this.done.textContent = params.all ? 'All' : 'To do'
    this.done.setAttribute('aria-pressed', params.all === '1')
    if (again || !before || of(before) !== of(params)) this.read()
    else if (before.all !== params.all) this.choose()
    if (params.cause) this.open()
    else this.details.hide()
  }

  leave() {
    this.reading?.abort()
    this.params = null
  }

  set(change, replace) {
    this.go('errors', { ...this.params, ...change }, replace)
  }

  toggle() {
    this.set({ all: this.params.all ? '' : '1' })
  }

  submit() {
    this.set({ since: this.span.value, q: this.box.value.trim(), cause: '' })
    this.list.element.focus()
  }

  async read(more = {}) {
    this.reading?.abort()
    const reading = this.reading = new AbortController()
    const { since, q } = this.params
    swap(this.note, 'Reading …')
    try {
      const found = await get('/api/causes', { since, q, ...more }, reading.signal)
      if (reading.signal.aborted) return
      this.found = found
      this.all = found.causes
      this.choose()
    } catch (e) {
      if (reading.signal.aborted) return
      if (!(e instanceof Failure)) throw e
      const again = (text, params) => h('button', { type: 'button', onclick: () => this.read(params) }, text)
      swap(this.note, visible(e.message), ' ',
        e.price ? again('Read on', { units: Math.ceil(1.5 * e.price.estimate) }) : e.usage ? null : again('Try again', {}))
    }
  }

  async again() {
    await this.read()
    if (this.params?.cause) this.open(true)
  }

  // choose takes the causes that are shown.
  choose() {
    if (!this.found) return
    const name = this.params.cause ?? (this.list.selected >= 0 && this.causes[this.list.selected]
      ? nameOf(this.causes[this.list.selected]) : '')
    this.causes = this.all.filter((c) => this.params.all || c.attention)
    const rest = this.all.length - this.causes.length
    const errors = this.all.reduce((n, c) => n + c.count, 0)
    const done = rest ? `, ${number(rest)} resolved or ignored (a shows them)` : ''
    const units = `${number(this.found.units)} read units`
    if (this.all.length === 0) {
      swap(this.note, `No errors (${units}). Choose a longer span, if that is too good to be true.`)
    } else if (this.causes.length === 0) {
      swap(this.note, `Nothing to do: ${counted(rest, 'cause')} resolved or ignored (a shows them).`)
    } else {
      swap(this.note, `${counted(this.causes.length, 'cause')}${done}, ${counted(errors, 'error')}, ${units}`,
        this.found.others ? `, and ${counted(this.found.others, 'error')} of further causes` : '',
        this.found.unsaid ? '. What was said of them may not be read with these credentials: all are shown as open.' : '')
    }
    this.list.selected = this.causes.findIndex((c) => nameOf(c) === name)
    this.list.refresh()
  }

  render(cause, element) {
    const { text, exception } = cause.texts
    element.classList.add(classOf(cause))
    swap(element,
      h('span', { class: `state ${classOf(cause)}` }, cause.standing),
      h('span', { class: 'count' }, number(cause.count)),
      h('span', { class: 'spark' }, sparkline(fewer(cause.buckets, SPARKS))),
      h('span', { class: 'seen' }, cause.last ? ago(cause.last) : ''),
      h('span', { class: 'module' }, visible(cause.module), h('span', { class: 'dim' }, ` (${visible(cause.locator)})`)),
      h('span', { class: 'text' }, visible([text, exception].filter(Boolean).join(' ▸ '))))
  }

  // current is the cause that is open, or selected.
  current() {
    const name = this.params.cause
    return name ? this.shown ?? this.all.find((c) => nameOf(c) === name) : this.causes[this.list.selected]
  }

  async open(again) {
    const name = this.params.cause
    if (this.details.id === name && !again) return
    this.details.fill(name, null, h('p', { class: 'note' }, 'Reading the last row …'))
    this.shown = null
    try {
      const [module, locator] = JSON.parse(name)
      const { cause, row } = await get('/api/cause', { since: this.params.since, module, locator })
      if (this.details.id !== name) return
      this.shown = cause
      this.details.fill(name, row, this.content(cause), row ? content(row) : [])
    } catch (e) {
      if (this.details.id === name) this.details.fill(name, null, h('p', { class: 'note' }, visible(e.message)))
    }
  }

  content(cause) {
    const said = cause.said
    const around = cause.about ? 'about ' : ''
    const line = (c) => h('li', {}, `${day(c.at)} ${clock(c.at, false)}: ${visible(c.words)}`)
    const action = (key, text, state) => h('button', { type: 'button', onclick: () => this.judge(state) },
      text, ' ', h('kbd', {}, key))
    return [
      h('p', {}, h('span', { class: `state ${classOf(cause)}` },
        cause.standing + (cause.still ? ` in ${visible(cause.still)}` : '')),
        said.words ? ` · ${visible(said.words)}` : ' · nobody has said anything of it'),
      about.resolve ? h('p', { class: 'actions' }, action('x', 'Resolve', 'resolved'), action('i', 'Ignore', 'ignored'),
        said.state ? action('o', 'Reopen', 'open') : null)
        : h('p', { class: 'dim' }, 'Read-only: start logtable web with --allow-resolve to resolve it, or in a terminal: ',
          h('code', {}, `logtable resolve ${quote(cause.module)} ${quote(cause.locator)}`)),
      h('p', { class: 'spark wide' }, sparkline(fewer(cause.buckets, 48))),
      h('dl', {},
        h('dt', {}, 'errors'), h('dd', {}, `${number(cause.count)}, of ${around}${counted(cause.requests, 'request')}`),
        h('dt', {}, 'first'), h('dd', {}, `${day(cause.first)} ${clock(cause.first)} (of this span)`),
        h('dt', {}, 'last'), h('dd', {}, `${day(cause.last)} ${clock(cause.last)}, ${ago(cause.last)}`),
        cause.versions.length ? [h('dt', {}, 'versions'), h('dd', {}, cause.versions.map(visible).join(', '))] : null),
      cause.history?.length ? [h('h3', {}, 'Said before'), h('ul', { class: 'history' }, cause.history.map(line))] : null,
      h('h3', {}, 'The last one'),
    ]
  }

  story() {
    if (this.details.story) this.go('story', { id: this.details.story })
    else say('Open a cause first, with Enter.')
  }

  live() {
    const cause = this.current()
    if (!cause) return say('Select a cause first.')
    // A cause without a locator is found by its module.
    const plain = !cause.locator.startsWith('?') && !cause.locator.includes('~')
    const locator = plain ? ` --locator ${quote(cause.locator)}` : ''
    return this.go('live', { since: this.params.since, q: `--module ${quote(cause.module)}${locator}`, errors: '1' })
  }

  // judge says something of a cause.
  async judge(state) {
    const cause = this.current()
    if (!cause) return say('Select a cause first, with j and k.')
    if (!about.resolve) return say('Read-only: start logtable web with --allow-resolve.')
    const verb = { resolved: 'Resolve', ignored: 'Ignore', open: 'Reopen' }[state]
    const wanted = await ask(`${verb} ${visible(cause.module)} (${visible(cause.locator)})`, [
      state === 'ignored' ? h('label', {}, 'For ', h('input', { name: 'until', value: '7d', required: true })) : null,
      h('label', {}, 'Note ',
        h('input', { name: 'note', maxlength: 400, placeholder: state === 'resolved' ? 'fixed in 41' : 'why' })),
      state === 'resolved' ? h('p', { class: 'dim' }, 'If it is seen again in a newer version, it comes back.') : null,
    ].filter(Boolean), { yes: verb })
    this.list.element.focus()
    if (!wanted) return undefined
    const { module, locator } = cause
    try {
      await post('/api/cause', { module, locator, rev: cause.said.rev, state, ...wanted })
      say(`${verb}d: ${visible(module)} (${visible(locator)})`.replace('Reopend', 'Reopened'))
    } catch (e) {
      say(visible(e.message))
    }
    return this.again()
  }

  pinned() {
    return ['errors', this.params]
  }
}
