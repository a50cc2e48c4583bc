// Rows over time, by level, with a part of them to select.

import { h, svg } from './dom.js'
import { clock, counted, day, moment, number } from './text.js'

const BARS = 120
export const KINDS = ['error', 'warn', 'info', 'debug'] // from the bottom up
const WIDTH = 1200
const HEIGHT = 64

export class Histogram {
  // brushed(from, to) is told what is selected, in epoch milliseconds; nothing
  // is that all is.
  constructor(brushed) {
    this.brushed = brushed
    this.paths = KINDS.map((kind) => svg('path', { class: kind }))
    this.shade = svg('rect', { class: 'brush', y: 0, height: HEIGHT, width: 0 })
    this.picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': true },
      this.paths, this.shade)
    this.note = h('output', { class: 'hover' })
    this.plot = h('div', {
      class: 'plot', tabindex: 0, role: 'group', onkeydown: (e) => this.key(e), onpointerdown: (e) => this.down(e),
      onpointermove: (e) => this.move(e), onpointerup: () => this.up(), onpointerleave: () => this.hover(-1),
    }, this.picture)
    this.from0 = h('span')
    this.to0 = h('span')
    this.element = h('div', { class: 'histogram' }, this.plot,
      h('div', { class: 'axis' }, this.from0, this.note, this.to0))
    this.reset(0, 1)
  }

  reset(from, to) {
    Object.assign(this, { from, to, selection: null, drag: null })
    this.counts = KINDS.map(() => new Float64Array(BARS))
    this.totals = KINDS.map(() => 0)
    this.draw()
  }

  bar(ms) {
    return Math.max(0, Math.min(BARS - 1, Math.floor(((ms - this.from) / (this.to - this.from)) * BARS)))
  }

  // edge is where a bar begins.
  edge(bar) {
    return this.from + ((this.to - this.from) * bar) / BARS
  }

  // add counts the rows of a frame; kindOf gives the kind of a level's index.
  add(frame, kindOf) {
    const perBar = BARS / (this.to - this.from)
    for (let i = 0; i < frame.n; i++) {
      const k = frame.flags[i] & 1 ? 0 : kindOf[frame.level[i]]
      const bar = Math.max(0, Math.min(BARS - 1, Math.floor((frame.time[i] - this.from) * perBar)))
      this.counts[k][bar]++
      this.totals[k]++
    }
  }

  draw() {
    let most = 1
    for (let b = 0; b < BARS; b++) most = Math.max(most, KINDS.reduce((sum, _, k) => sum + this.counts[k][b], 0))
    const paths = KINDS.map(() => '')
    const wide = WIDTH / BARS
    for (let b = 0; b < BARS; b++) {
      let y = HEIGHT
      KINDS.forEach((_, k) => {
        const n = this.counts[k][b]
        if (n === 0) return
        const high = Math.max(3, (n / most) * (HEIGHT - 4)) // one error among a million rows is seen
        y = Math.max(0, y - high)
        paths[k] += `M${b * wide} ${y}h${wide - 1.5}v${high}h${1.5 - wide}z`
      })
    }
    paths.forEach((d, k) => this.paths[k].setAttribute('d', d))
    this.most = most
    if (this.to > 1) {
      this.from0.textContent = `${day(this.from).slice(5)} ${clock(this.from, false)}`
      this.to0.textContent = `${day(this.to).slice(5)} ${clock(this.to, false)}`
    }
    this.plot.setAttribute('aria-label', `Rows over time, at most ${number(most)} at once: ${this.legend()}. ` +
      'Arrow keys select a part, with Shift a longer one, Escape all.')
    this.drawBrush()
  }

  legend() {
    return KINDS.map((kind, k) => `${kind} ${number(this.totals[k])}`).filter((_, k) => this.totals[k] > 0).join(' · ') ||
      'no rows'
  }

  drawBrush() {
    const [a, b] = this.selection ?? [0, -1]
    this.shade.setAttribute('x', (a * WIDTH) / BARS)
    this.shade.setAttribute('width', Math.max(0, ((b - a + 1) * WIDTH) / BARS))
    this.picture.classList.toggle('brushed', this.selection !== null)
  }

  // choose selects the bars from a to b.
  choose(a, b, told = true) {
    this.selection = a === null ? null : [Math.max(0, Math.min(a, b)), Math.min(BARS - 1, Math.max(a, b))]
    this.drawBrush()
    this.hover(-1)
    if (!told) return
    if (this.selection) this.brushed(this.edge(this.selection[0]), this.edge(this.selection[1] + 1))
    else this.brushed()
  }

  // restore selects a time, as a link has it.
  restore(from, to) {
    this.choose(this.bar(from), this.bar(to - 1), false)
  }

  hover(bar) {
    const [a, b] = bar >= 0 ? [bar, bar] : this.selection ?? []
    if (a === undefined) {
      this.note.textContent = this.legend()
      return
    }
    const sums = KINDS.map((_, k) => this.counts[k].subarray(a, b + 1).reduce((x, y) => x + y, 0))
    const errors = sums[0] ? `, ${counted(sums[0], 'error')}` : ''
    const show = (ms) => moment(Math.round(ms), this.from, this.to).slice(0, -4)
    this.note.textContent = `${show(this.edge(a))} – ${show(this.edge(b + 1))}: ` +
      `${counted(sums.reduce((x, y) => x + y), 'row')}${errors}${bar < 0 ? ' (Esc: all)' : ''}`
  }

  barAt(e) {
    const box = this.plot.getBoundingClientRect()
    return Math.max(0, Math.min(BARS - 1, Math.floor(((e.clientX - box.left) / box.width) * BARS)))
  }

  down(e) {
    if (e.button !== 0) return
    this.plot.setPointerCapture(e.pointerId)
    this.drag = this.barAt(e)
    this.moved = false
  }

  move(e) {
    const bar = this.barAt(e)
    if (this.drag === null) return this.hover(bar)
    this.moved ||= bar !== this.drag
    this.choose(this.drag, bar, false)
  }

  // up ends a drag; a mere click selects a bar, or all again.
  up() {
    if (this.drag === null) return
    const one = this.selection && this.selection[0] === this.selection[1]
    if (!this.moved && this.clicked === this.drag && one) this.choose(null)
    else if (this.selection && this.moved) this.choose(...this.selection)
    else this.choose(this.drag, this.drag)
    this.clicked = this.selection && !this.moved ? this.drag : null
    this.drag = null
  }

  key(e) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key]
    const [a, b] = this.selection ?? (step > 0 ? [-1, -1] : [BARS, BARS])
    if (step && e.shiftKey && this.selection) this.choose(a, Math.max(a, b + step))
    else if (step) this.choose(a + step < 0 ? 0 : a + step, Math.min(BARS - 1, Math.max(0, b + step)))
    else if (e.key === 'Escape' && this.selection) this.choose(null)
    else return
    e.preventDefault()
    e.stopPropagation()
  }
}

