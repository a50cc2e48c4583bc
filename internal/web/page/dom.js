// Elements. Texts become text nodes, always: what a function has logged is
// never markup.

const SVG = 'http://www.w3.org/2000/svg'

// h makes an element. on… are listeners; false and null leave something out.
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children)
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children)
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value)
    else element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false))
  return element
}

// swap replaces what is in an element.
export function swap(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false))
}

const PIECE = 2000 // characters

// pieces makes a long text quick to lay out: of 400 KB without a space in one
// element, browsers take minutes to find out where lines break.
export function pieces(text) {
  const all = []
  for (let from = 0, to; from < text.length; from = to) {
    to = from + PIECE
    if (/[\udc00-\udfff]/.test(text[to] ?? '')) to++ // not within a character
    all.push(h('span', {}, text.slice(from, to)))
  }
  return all
}

// ask shows a dialog with a form, and resolves to its values, or to null if it
// is closed. The first field has the focus.
export function ask(title, content, { yes = 'OK', no = 'Cancel' } = {}) {
  const dialog = document.getElementById('dialog')
  return new Promise((resolve) => {
    let result = null
    const form = h('form', {
      onkeydown: (e) => {
        if (e.key !== 'Enter' || e.target.tagName !== 'SELECT') return
        e.preventDefault()
        form.requestSubmit()
      },
      onsubmit: (e) => {
        e.preventDefault()
        result = Object.fromEntries(new FormData(form))
        dialog.close()
      },
    },
    h('h2', { id: 'dialog-title' }, title), content,
    h('p', { class: 'buttons' },
      h('button', { type: 'button', onclick: () => dialog.close() }, no),
      yes && h('button', { type: 'submit', class: 'main' }, yes)))
    swap(dialog, form)
    dialog.setAttribute('aria-labelledby', 'dialog-title')
    dialog.onclose = () => {
      swap(dialog)
      resolve(result)
    }
    dialog.showModal()
    const first = form.querySelector('input, select, textarea')
    if (first) {
      first.focus()
      first.select?.()
    }
  })
}

// say tells what has happened, in the last line of the page.
export function say(text) {
  document.getElementById('status').textContent = text
}
