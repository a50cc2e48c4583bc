// What a person does at the page, in a real browser. TestThePageInABrowser of
// cmd/logtable starts it with two addresses: a link to the page, and its own,
// which does to the tables what is asked.

import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'
import assert from 'node:assert/strict'

const [, , modules, link, tables] = process.argv
const { chromium } = createRequire(modules)('playwright-core')
const origin = new URL(link).origin
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] })

const faults = []
const pages = [] // the last is looked at

// open opens a link in a tab of its own, as a new window has no session.
async function open(address, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 760 }, reducedMotion: 'reduce', ...options })
  const page = await context.newPage()
  pages.push(page)
  page.setDefaultTimeout(30_000)
  page.on('pageerror', (e) => faults.push(`error: ${e.stack}`))
  page.on('console', (m) => {
    // The browser itself tells of answers that are errors.
    if (m.type() === 'error' && !m.text().includes('Failed to load resource')) faults.push(`console: ${m.text()}`)
  })
  page.on('request', (r) => {
    const url = new URL(r.url())
    if (url.origin !== origin && url.protocol !== 'blob:') faults.push(`asked ${r.url()}`)
    if (/token|key/.test(url.search)) faults.push(`a secret in ${r.url()}`)
  })
  await page.goto(address)
  return page
}

// step says how long all has taken, for who looks for what is slow.
const step = (name) => console.log(`${(performance.now() / 1000).toFixed(1)} s ${name}`)
const put = (what) => fetch(`${tables}/${what}`).then((r) => assert.equal(r.status, 200))
const rows = (page) => page.locator('.row:not([hidden])')
const note = (page) => page.locator('main .note').first()
const keys = async (page, ...all) => { for (const key of all) await page.keyboard.press(key) }
// shows waits for a text.
async function shows(locator, text) {
  try {
    await locator.filter({ hasText: text }).first().waitFor()
  } catch {
    const main = await locator.page().locator('body').innerText()
    assert.fail(`${text} is not shown; faults: ${faults}; the page at ${locator.page().url()}: ${main.slice(0, 1500)} ... ${main.slice(-1500)}`)
  }
}
async function until(what, test) {
  for (let i = 0; i < 600; i++) {
    if (await test()) return
    await new Promise((r) => setTimeout(r, 50))
  }
  assert.fail(`${what}; the page at ${pages.at(-1).url()}: ${(await pages.at(-1).locator('body').innerText()).slice(0, 2000)}`)
}

// basics are what any page has to keep: names, contrast, no sideways scrolling.
async function basics(page, where) {
  for (const width of [1200, 400]) {
    await page.setViewportSize({ width, height: 760 })
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme })
      const found = await page.evaluate(() => {
        const faults = []
        const rgb = (c) => (c.match(/[\d.]+/g) ?? []).map(Number)
        const luminance = ([r, g, b]) => {
          const [x, y, z] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4))
          return 0.2126 * x + 0.7152 * y + 0.0722 * z
        }
        const back = (e) => {
          for (; e; e = e.parentElement) {
            const c = rgb(getComputedStyle(e).backgroundColor)
            if (c.length === 3 || c[3] === 1) return c
          }
          return [255, 255, 255]
        }
        const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
        let seen = 0
        while (texts.nextNode()) {
          const e = texts.currentNode.parentElement
          if (!texts.currentNode.data.trim() || !e.checkVisibility() || e.closest('option')) continue
          seen++
          const [a, b] = [luminance(rgb(getComputedStyle(e).color)), luminance(back(e))].sort((x, y) => y - x)
          const contrast = (a + 0.05) / (b + 0.05)
          if (contrast < 4.5) faults.push(`contrast ${contrast.toFixed(2)}: ${e.className} ${texts.currentNode.data.slice(0, 30)}`)
        }
        if (seen < 5) faults.push(`only ${seen} texts`)
        for (const e of document.querySelectorAll('button, input, select, a, [tabindex="0"]')) {
          if (!e.checkVisibility()) continue
          const name = e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label')?.textContent.trim()
          if (!name) faults.push(`no name: ${e.outerHTML.slice(0, 80)}`)
        }
        const wide = document.documentElement.scrollWidth
        if (wide > innerWidth) faults.push(`${wide} px wide in ${innerWidth}`)
        return faults
      })
      assert.deepEqual(found, [], `${where}, ${width} px, ${colorScheme}`)
    }
  }
  await page.setViewportSize({ width: 1200, height: 760 })
}

// focus goes through the page by Tab: what has it can be seen to have it.
async function focus(page) {
  const look = () => page.evaluate(() => {
    const e = document.activeElement
    const s = getComputedStyle(e)
    if (e === document.body) return ['', true] // the browser's own part
    return [e.id || e.className || e.textContent || e.name, s.outlineStyle !== 'none' && s.outlineWidth !== '0px' || s.boxShadow !== 'none']
  })
  const seen = new Set()
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press('Tab')
    const [name, visible] = await look()
    seen.add(name)
    assert.ok(visible, `the focus cannot be seen on ${name}`)
  }
  assert.ok(seen.size >= 8, `Tab goes to ${[...seen]}`)
}

// A link works once, leaves nothing in the address, and no cookie.
const page = await open(link)
await shows(rows(page), 'cannot count the pears')
assert.equal(page.url(), `${origin}/#/errors`)
assert.deepEqual(await page.context().cookies(), [])
step('the link')
const late = await open(link)
await shows(late.locator('main'), 'This tab has no key yet')
await shows(late.locator('main'), 'has been used')
await basics(late, 'the locked page')
pages.pop()

// An error is found, read, resolved, and comes back, with the keyboard.
step('an error')
await basics(page, 'Errors')
await focus(page)
await page.locator('.list').focus()
await keys(page, 'Home')
while (!(await page.locator('.row[aria-selected="true"]').textContent()).includes('pears')) await keys(page, 'j')
await keys(page, 'Enter')
await shows(page.locator('.details'), "KeyError: 'pears'")
await shows(page.locator('.details dd'), '12345678901234567890')
await basics(page, 'a cause')
await keys(page, 'x')
await page.keyboard.type('fixed in 41')
await basics(page, 'the dialog')
await keys(page, 'Enter')
await shows(page.locator('#status'), 'Resolved: orders (7)')
await until('what is resolved is still to do', async () => !(await rows(page).allTextContents()).some((t) => t.includes('pears')))
await shows(page.locator('.details'), 'fixed in 41')
await keys(page, 'a')
await shows(rows(page), /resolved.*pears/)
await put('pears')
await keys(page, 'r')
await shows(rows(page), /came back.*pears/)
await shows(page.locator('.details .state'), 'came back')

// A link sent to oneself shows the same.
step('a link')
await keys(page, 'y')
const sent = await page.locator('dialog input').inputValue()
assert.match(sent, /^http:\/\/127\.0\.0\.1:\d+\/#\/errors\?.*&token=[A-Z2-7]+$/)
await keys(page, 'Escape')
const other = await open(sent)
await shows(other.locator('.details'), "KeyError: 'pears'")
assert.equal(other.url(), page.url())
await other.close()
pages.pop()

// Hostile rows are texts.
step('hostile rows')
await keys(page, 'Escape', '2')
await shows(rows(page), 'onerror=alert')
const shown = (await rows(page).allTextContents()).join('\n')
for (const text of ['\\u202e', '\\e[2J', '\\x00', 'مرحبا']) assert.ok(shown.includes(text), `${text} in ${shown}`)
assert.doesNotMatch(shown, /[\u202e\u2066\x1b\x00]/)
assert.equal(await page.locator('main img, main script, main b').count(), 0)
assert.equal(await page.evaluate(() => globalThis.pwned), undefined)
await basics(page, 'Live')
const hostile = page.locator('.row', { hasText: 'onerror=alert' }).first()
await hostile.click()
await shows(page.locator('.details .text'), '<img src=x onerror=alert(1)>')
assert.equal(await page.locator('.details img').count(), 0)
await basics(page, 'a row')
step('400 KB')
await page.locator('.row', { hasText: 'AAAAAAAA' }).first().click()
await shows(page.locator('.details .text'), 'AAAAAAAA')
await until('400 KB are not shown', async () => (await page.locator('.details .text').textContent()).length > 390_000)
await keys(page, 'Escape')

// The box has the words of the flags.
step('the box')
const filter = async (words) => {
  await keys(page, '/')
  await page.locator('input[name=q]').fill(words)
  await keys(page, 'Enter')
}
await filter('--level WARN+ --module orders')
await until('the filter does not hold', async () => {
  const all = await page.locator('.row:not([hidden]) .level').allTextContents()
  return all.length > 0 && all.every((l) => ['WARN', 'ERROR'].includes(l))
})
assert.match(page.url(), /q=--level\+WARN%2B\+--module\+orders/)
await filter('--levle WARN')
await shows(note(page), 'unknown flag: --levle')
await filter('nothing has this')
await shows(note(page), 'No rows')
await basics(page, 'an empty list')
await filter('')
await shows(rows(page), 'onerror=alert')

// A part of the histogram is selected, and all again.
step('the histogram')
const count = () => page.evaluate(() => Number(document.querySelector('.row')?.getAttribute('aria-setsize') ?? 0))
const all = await count()
await keys(page, 'h', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft', 'ArrowLeft')
await until('the brush selects nothing', async () => /brush=\d+-\d+/.test(page.url()))
const brushed = page.url()
await keys(page, 'Shift+ArrowRight', 'Shift+ArrowRight')
assert.notEqual(page.url(), brushed)
await keys(page, 'Escape')
await until('not all is shown again', async () => (await count()) === all && !page.url().includes('brush=1'))

// New rows come by themselves, on top; then the story of one.
step('new rows')
await put('new')
await shows(rows(page), 'just now')
await page.locator('.list').focus()
await keys(page, 'Home', 'Enter')
await shows(page.locator('.details'), 'just now')
await keys(page, 't')
await shows(rows(page), '→ orders 7f3a9c12')
await shows(note(page), '2 invocations of 2 functions')
await basics(page, 'Story')
await keys(page, '?')
for (const key of ['o', 'l', 'r', '/', '1', '2', '3', 'y', 'd', '?']) {
  assert.equal(await page.locator('dialog kbd', { hasText: key }).count() > 0, true, `the keys lack ${key}`)
}
await basics(page, 'the keys')
await keys(page, 'Escape', 'l')

// What is shown is exported in full.
step('export')
await shows(rows(page), 'just now')
await keys(page, 'e')
await shows(page.locator('dialog'), 'logtable query --from ')
const [download] = await Promise.all([page.waitForEvent('download'), keys(page, 'Enter')])
const lines = readFileSync(await download.path(), 'utf8').trim().split('\n').map((l) => JSON.parse(l))
assert.equal(lines.length, await count())
assert.ok(lines.some((l) => l.text === 'just now'))

// Dark and light by key.
step('dark and light')
const scheme = () => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)
await keys(page, 'd')
const first = await scheme()
await keys(page, 'd')
assert.notEqual(await scheme(), first)

// Who is gone is said to be gone.
step('the end')
await put('stop')
await keys(page, 'r')
await shows(note(page), 'logtable web does not answer')
await basics(page, 'an error')

assert.deepEqual(faults, [])
await browser.close()
console.log('all of it holds')
