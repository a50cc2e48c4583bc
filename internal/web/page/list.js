// A list of any length: only the rows that are seen are elements. They have one
// height. Beyond what an element can be high, scrolling is to scale.

import { h } from './dom.js'

const MOST = 8_000_000 // pixels

export class List {
  // count() is how many rows there are; render(i, element) fills one; open(i) is
  // for Enter and a click, and select(i) is told what is selected.
  constructor({ label, kind, count, render, open, select = () => {} }) {
    Object.assign(this, { count, render, open, select, selected: -1, first: 0, pool: [] })
    this.window = h('div', { class: 'window' })
    this.spacer = h('div', { class: 'spacer' }, this.window)
    this.element = h('div', {
      class: `list ${kind}`, role: 'listbox', tabindex: 0, 'aria-label': label,
      onscroll: () => this.draw(), onkeydown: (e) => this.key(e), onclick: (e) => this.click(e),
    }, this.spacer)
    this.id = `row-${kind}-`
    new ResizeObserver(() => {
      this.height = 0 // which may be another in another width
      this.draw()
    }).observe(this.element)
  }

  // refresh draws soon, once for all that has changed.
  refresh() {
    this.due ??= requestAnimationFrame(() => {
      this.due = null
      this.draw()
    })
  }

  measure() {
    const probe = h('div', { class: 'row', role: 'presentation' }, 'x')
    this.window.append(probe)
    this.height = probe.getBoundingClientRect().height || 24
    probe.remove()
  }

  draw() {
    if (!this.height) this.measure()
    const n = this.count()
    const view = this.element.clientHeight
    const whole = n * this.height
    this.scale = whole > MOST ? (whole - view) / (MOST - view) : 1
    this.spacer.style.height = `${Math.min(whole, MOST)}px`
    const top = this.element.scrollTop * this.scale
    this.first = Math.max(0, Math.min(Math.floor(top / this.height), n - 1))
    const shown = Math.min(n - this.first, Math.ceil(view / this.height) + 2)
    while (this.pool.length < shown) {
      const row = h('div', { class: 'row', role: 'option' })
      this.pool.push(row)
      this.window.append(row)
    }
    const offset = Math.min(0, this.first * this.height - top)
    this.window.style.transform = `translateY(${offset}px)`
    this.window.style.height = '0'
    this.pool.forEach((element, k) => {
      const i = this.first + k
      element.hidden = k >= shown
      if (element.hidden) return
      element.id = this.id + i
      element.className = 'row'
      element.setAttribute('aria-posinset', i + 1)
      element.setAttribute('aria-setsize', n)
      element.setAttribute('aria-selected', i === this.selected)
      this.render(i, element)
    })
    const seen = this.selected >= this.first && this.selected < this.first + shown
    if (seen) this.element.setAttribute('aria-activedescendant', this.id + this.selected)
    else this.element.removeAttribute('aria-activedescendant')
  }

  // go selects a row and brings it into view.
  go(i, told = true) {
    const n = this.count()
    if (n === 0) return
    this.selected = Math.max(0, Math.min(i, n - 1))
    if (!this.height) this.measure()
    const y = this.selected * this.height
    const top = this.element.scrollTop * (this.scale ?? 1)
    const view = this.element.clientHeight
    if (y < top) this.element.scrollTop = y / (this.scale ?? 1)
    else if (y + this.height > top + view) this.element.scrollTop = Math.ceil((y + this.height - view) / (this.scale ?? 1))
    this.draw()
    if (told) this.select(this.selected)
  }

  // ahead says that rows have come in front of all others. Who looks further
  // down goes on seeing what he sees.
  ahead(n) {
    if (this.selected >= 0) this.selected += n
    if (this.element.scrollTop > 0) this.element.scrollTop += (n * this.height) / (this.scale ?? 1)
    this.refresh()
  }

  reset() {
    this.selected = -1
    this.element.scrollTop = 0
    this.refresh()
  }

  click(e) {
    const row = e.target.closest('.row')
    if (!row) return
    this.go(this.first + this.pool.indexOf(row))
    this.open(this.selected)
  }

  key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return
    const page = Math.max(1, Math.floor(this.element.clientHeight / (this.height || 24)) - 1)
    const step = {
      ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: page, ' ': page, PageUp: -page, Home: -Infinity, End: Infinity,
      G: Infinity,
    }[e.key]
    if (step !== undefined) this.go(this.selected + step)
    else if (e.key === 'Enter' && this.selected >= 0) this.open(this.selected)
    else return
    e.preventDefault()
    e.stopPropagation()
  }
}
