// The page: which view is shown, keys, and the key that the command gives.

import { about, Failure, learn, post, trade } from './api.js'
import { ask, h, say, swap } from './dom.js'
import { Errors } from './errors.js'
import { Live } from './live.js'
import { Story } from './story.js'
import { setZone } from './text.js'

const main = document.getElementById('main')
const views = { errors: new Errors(go), live: new Live(go), story: new Story(go) }
let view = null

// address takes the hash apart: #/live?since=1h
function address() {
  const [, name = '', query = ''] = /^#\/?([a-z]*)\??(.*)$/s.exec(location.hash) ?? []
  return [name, Object.fromEntries(new URLSearchParams(query))]
}

const hashOf = (name, params) => `#/${name}?${new URLSearchParams(Object.entries(params).filter(([, v]) => v))}`

// go shows an address; with replace, the way back does not lead to the one
// before.
function go(name, params, replace) {
  history[replace ? 'replaceState' : 'pushState'](null, '', hashOf(name, params))
  show()
}

function show(again) {
  const [name, params] = address()
  const next = views[name] ?? views.errors
  if (next !== view) {
    view?.leave()
    view = next
    swap(main, view.element)
    for (const link of document.querySelectorAll('nav a')) {
      link.toggleAttribute('aria-current', views[link.dataset.view] === view)
      if (views[link.dataset.view] === view) link.setAttribute('aria-current', 'page')
    }
    document.title = `${view.title} · Logtable`
    say('')
    view.list.element.focus()
  }
  view.show(params, again)
}

// KEYS work in all views.
const KEYS = [
  ['1', 'Errors', () => go('errors', {})],
  ['2', 'Live', () => go('live', {})],
  ['3', 'Story', () => go('story', {})],
  ['j', 'the next row; also the arrow keys, Page up and down, Home, End', () => step(1)],
  ['k', 'the row before', () => step(-1)],
  ['Enter', 'open the row', () => view.list.open(Math.max(0, view.list.selected))],
  ['Escape', 'close it', () => escape()],
  ['y', 'a link to what you see', () => link()],
  ['d', 'dark or light', () => theme()],
  ['?', 'these keys', () => help()],
]

function step(by) {
  view.list.element.focus()
  view.list.go(view.list.selected + by)
}

function escape() {
  if (view.details.open) view.details.close()
  else if (address()[1].brush) view.set({ brush: '' })
  else view.list.element.focus()
}

addEventListener('keydown', (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || !view || document.querySelector('dialog[open]')) return
  const field = e.target.closest?.('input, select, textarea')
  if (field) {
    if (e.key === 'Escape') view.list.element.focus()
    return
  }
  if (e.key === 'Enter' && e.target.closest?.('button, a')) return
  const [, , run] = [...view.keys, ...KEYS].find(([key]) => key === e.key) ?? []
  if (!run) return
  e.preventDefault()
  run()
})

function help() {
  const rows = (keys) => h('dl', { class: 'keys' }, keys.flatMap(([key, text]) =>
    [h('dt', {}, h('kbd', {}, key)), h('dd', {}, text)]))
  ask('Keys', [h('h3', {}, view ? view.title : ''), rows(view?.keys ?? []), h('h3', {}, 'Everywhere'), rows(KEYS)],
    { yes: null, no: 'Close' })
}

function theme() {
  const root = document.documentElement
  const dark = getComputedStyle(root).colorScheme === 'dark' ||
    (getComputedStyle(root).colorScheme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  root.dataset.theme = dark ? 'light' : 'dark'
  sessionStorage.setItem('theme', root.dataset.theme)
}

// link makes an address for another tab, which shows the same.
async function link() {
  if (!view) return
  try {
    const { token } = await post('/api/link', {})
    const text = `${location.origin}/${hashOf(...view.pinned())}&token=${token}`
    const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false)
    await ask('A link to what you see', [
      h('p', {}, `${copied ? 'It is copied. ' : ''}It works once, within an hour, on this machine, while logtable web runs.`),
      h('input', { readonly: true, value: text, 'aria-label': 'Link' })], { yes: null, no: 'Close' })
  } catch (e) {
    say(e.message)
  }
}

// locked asks for a link, where this tab has no key.
function locked(text) {
  const form = h('form', {
    class: 'locked',
    onsubmit: (e) => {
      e.preventDefault()
      const token = /token=([A-Z0-9]+)/.exec(input.value)?.[1] ?? input.value.trim()
      start(token)
    },
  },
  h('h1', {}, 'This tab has no key yet'), h('p', {}, text),
  h('p', {}, 'Press Enter where ', h('code', {}, 'logtable web'), ' runs: it prints a link, which works once. ',
    'Open it, or paste it here.'))
  const input = h('input', { 'aria-label': 'Link or token', placeholder: 'http://127.0.0.1:…/#token=…', autocomplete: 'off' })
  form.append(input, h('button', { type: 'submit', class: 'main' }, 'Open'))
  view = null
  swap(main, form)
  input.focus()
}

// start trades the token of a link, if there is one, and shows the page.
async function start(token) {
  try {
    if (token) await trade(token)
    await learn()
  } catch (e) {
    if (!(e instanceof Failure)) throw e
    // A used link in a tab that has a key is no trouble.
    if (!token || !(await learn().then(() => true, () => false))) return locked(token || e.status !== 401 ? e.message : '')
  }
  setZone(about.zone)
  document.getElementById('where').textContent = `${about.info}, ${about.errors} ${about.where} · ${about.zone}` +
    (about.resolve ? '' : ' · read-only')
  show(true)
  return undefined
}

function boot() {
  const [name, { token, ...params }] = location.hash.startsWith('#token=')
    ? ['', Object.fromEntries(new URLSearchParams(location.hash.slice(1)))] : address()
  if (token) history.replaceState(null, '', name ? hashOf(name, params) : '#/errors')
  return token
}

const stored = sessionStorage.getItem('theme')
if (stored) document.documentElement.dataset.theme = stored
document.getElementById('help').addEventListener('click', help)
document.getElementById('theme').addEventListener('click', theme)
document.getElementById('link').addEventListener('click', link)
addEventListener('popstate', () => {
  const token = boot()
  if (token || !view) start(token)
  else show()
})
start(boot())
