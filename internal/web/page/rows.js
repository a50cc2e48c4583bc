// Rows as they come in frames of columns. Nothing is copied, and a row is made
// an object only to be shown.

export const ERROR = 1, LATE = 2, CUT = 4 // flags

const decoder = new TextDecoder()

export class Rows {
  constructor() {
    this.names = []
    this.frames = []
    this.starts = [] // the number of rows before each frame
    this.length = 0
  }

  add(frame) {
    if (frame.head.names) this.names.push(...frame.head.names)
    if (frame.n === 0) return
    this.frames.push(frame)
    this.starts.push(this.length)
    this.length += frame.n
  }

  place(i) {
    let low = 0
    let high = this.starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.starts[middle] <= i) low = middle
      else high = middle - 1
    }
    return [this.frames[low], i - this.starts[low]]
  }

  at(i) {
    const [f, j] = this.place(i)
    return {
      time: f.time[j], key: f.key[j], flags: f.flags[j], level: this.names[f.level[j]],
      module: this.names[f.module[j]], locator: this.names[f.locator[j]],
      text: decoder.decode(f.text.subarray(j ? f.end[j - 1] : 0, f.end[j])),
    }
  }

  time(i) {
    const [f, j] = this.place(i)
    return f.time[j]
  }

  // first is the first row for which a test of its time holds, which holds for
  // all that follow.
  first(test) {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (test(this.time(middle))) high = middle
      else low = middle + 1
    }
    return low
  }
}
