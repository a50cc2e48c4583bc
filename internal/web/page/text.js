// How texts, times and numbers are shown.

const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const NAMED = { '\x1b': '\\e', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

// visible writes what acts on the text around it, instead of being seen, as an
// escape: control characters, those of direction. It takes one line. The joiners
// are part of how words are spelled.
export function visible(text) {
  return text.replace(HIDDEN, (c) => {
    if (c === '\u200c' || c === '\u200d') return c
    const code = c.codePointAt(0)
    return NAMED[c] ?? (code < 0x80 ? '\\x' + code.toString(16).padStart(2, '0')
      : code < 0x10000 ? '\\u' + code.toString(16).padStart(4, '0') : '\\U' + code.toString(16).padStart(8, '0'))
  })
}

// block is visible for text of several lines.
export function block(text) {
  return text.replace(/\r\n?/g, '\n').replace(/\t/g, '    ').split('\n').map(visible).join('\n')
}

let format

// setZone says in which zone times are shown: as the command has it.
export function setZone(zone) {
  const options = {
    year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit',
    fractionalSecondDigits: 3, hourCycle: 'h23',
  }
  const name = zone === 'Local' ? undefined : zone.replace(/^UTC([+-])/, '$1')
  try {
    format = new Intl.DateTimeFormat('en', { ...options, timeZone: name })
  } catch {
    format = new Intl.DateTimeFormat('en', options) // one that this browser does not know
  }
}

function parts(ms) {
  const p = {}
  for (const { type, value } of format.formatToParts(ms)) p[type] = value
  return p
}

// clock is 14:03:07.123, and day 2026-11-26.
export function clock(ms, seconds = true) {
  const p = parts(ms)
  return `${p.hour}:${p.minute}` + (seconds ? `:${p.second}.${p.fractionalSecond}` : '')
}

export function day(ms) {
  const p = parts(ms)
  return `${p.year}-${p.month}-${p.day}`
}

// moment is a time of a span: with its day, unless all of that is one day.
export function moment(ms, from, to) {
  return day(from) === day(to) ? clock(ms) : `${day(ms).slice(5)} ${clock(ms).slice(0, 8)}`
}

// ago is how long ago something was.
export function ago(ms, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - ms) / 1000))
  for (const [length, unit] of [[86400, 'd'], [3600, 'h'], [60, 'min']]) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit} ago`
  }
  return `${seconds} s ago`
}

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })

export const number = (n) => grouped.format(n)

// counted is a number with the name of what it counts.
export const counted = (n, name) => `${number(n)} ${name}${n === 1 ? '' : 's'}`

// kind is which color and which part of a histogram a level has.
export function kind(level, isError) {
  if (isError) return 'error'
  if (/^(WARN|ALARM|ALERT)/i.test(level)) return 'warn'
  if (/^(ERR|CRIT|FATAL|EMERG|PANIC)/i.test(level)) return 'error'
  return /^(TRACE|DEBUG|VERBOSE|SILLY|FINE)/i.test(level) ? 'debug' : 'info'
}

// sparkline is counts as blocks; 0 is a dot.
export function sparkline(counts) {
  const most = Math.max(1, ...counts)
  return counts.map((n) => (n === 0 ? '·' : '▁▂▃▄▅▆▇█'[Math.min(7, Math.floor((n / most) * 7.99))])).join('')
}

// quote writes a word as the box and a shell take it.
export const quote = (word) => (/^[\w.,:+*?/@%-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
